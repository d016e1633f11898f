package lsm

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/agent-preflight/agent-preflight/preflight"
)

// TestReasonsAreDocumented ties the table, its page and the sources together.
func TestReasonsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/reasons.md")
	if err != nil {
		t.Fatal(err)
	}
	var headings, codes []string
	for _, match := range regexp.MustCompile(`(?m)^## (\w+)$`).FindAllStringSubmatch(string(page), -1) {
		headings = append(headings, match[1])
	}
	for _, info := range Reasons() {
		codes = append(codes, string(info.Reason))
		if info.Meaning == "" {
			t.Errorf("%s: no meaning", info.Reason)
		}
		if (info.Remedy == "") != (info.Status == preflight.Pass) {
			t.Errorf("%s is %v with the remedy %q", info.Reason, info.Status, info.Remedy)
		}
		if !strings.HasSuffix(info.Reason.Doc(), "/docs/reasons.md#"+strings.ToLower(string(info.Reason))) {
			t.Errorf("%s: documented at %s", info.Reason, info.Reason.Doc())
		}
	}
	codes = append(codes, string(preflight.NotAnswered)) // the plan's own
	if !slices.Equal(headings, codes) {
		t.Errorf("docs/reasons.md has the headings\n%v, the table\n%v", headings, codes)
	}

	source, err := os.ReadFile("reasons.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, match := range regexp.MustCompile(`(?m)^\t(\w+) +(?:preflight\.Reason )?= `).FindAllStringSubmatch(string(source), -1) {
		if !slices.Contains(codes, match[1]) {
			t.Errorf("%s is not in the table", match[1])
		}
	}
}

func TestRemedy(t *testing.T) {
	type m = map[string]string
	for _, tt := range []struct {
		name     string
		facts    Facts
		reason   preflight.Reason
		summary  string // is part of it
		commands int
		command  string // is part of the first
	}{
		{"Debian 11: the active list and bpf", known(m{factOSID: "debian", factActive: "lockdown,capability,yama,apparmor,tomoyo"}),
			NotActive, "lsm=lockdown,yama,apparmor,tomoyo,bpf:", 3, " lsm=lockdown,yama,apparmor,tomoyo,bpf\""},
		{"Ubuntu", known(m{factOSID: "ubuntu debian", factActive: "lockdown,capability,landlock,yama,apparmor,ima,evm"}),
			NotActive, "lsm=lockdown,landlock,yama,apparmor,bpf:", 3, "grub.d"},
		{"Rocky", known(m{factOSID: "rocky rhel centos fedora", factActive: "lockdown,capability,yama,selinux"}),
			NotActive, "lsm=lockdown,yama,selinux,bpf:", 2, "grubby --update-kernel=ALL --args=lsm=lockdown,yama,selinux,bpf"},
		{"Raspberry Pi OS", known(m{factOSID: "raspbian debian", factActive: "yama"}), NotActive, "lsm=yama,bpf:", 0, ""},
		{"Fedora CoreOS", known(m{factOSID: "fedora coreos", factActive: "yama"}), NotActive, "lsm=yama,bpf:", 0, ""},
		{"WSL", known(m{factOSID: "ubuntu debian", factActive: "yama", factRelease: "6.6.87.2-microsoft-standard-WSL2"}), NotActive, "lsm=yama,bpf:", 0, ""},
		{"container", known(m{factOSID: "debian", factActive: "yama", factContainer: "/.dockerenv"}), NotActive, "on its host", 0, ""},
		{"hostile configuration", known(m{factOSID: "debian", "config.CONFIG_LSM": "yama,$(reboot)"}), NotActive, "/sys/kernel/security/lsm", 0, ""},
		{"an LSM of the future", known(m{factOSID: "debian", factActive: "yama,id114"}), NotActive, "/sys/kernel/security/lsm", 0, ""},
		{"unknown distribution", known(m{factOSID: "nixos", factActive: "yama"}), NotActive, "lsm=yama,bpf:", 0, ""},
		{"list from the command line", known(m{factOSID: "debian", factCmdline: "yama,yama"}), NotActive, "lsm=yama,bpf:", 3, ""},
		{"list not known", nil, NotActive, "/sys/kernel/security/lsm", 0, ""},
		{"ftrace", nil, FtraceDisabled, "", 1, "kernel.ftrace_enabled=1"},
		{"arm64 before 6.4", known(m{factArch: "aarch64", factActive: "bpf"}), NoDirectCalls, "6.4", 0, ""},
		{"arm32", known(m{factArch: "armv7l"}), NoTrampoline, "", 0, ""},
		{"all is well", nil, Enforced, "", 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := remedy(tt.facts, because(tt.reason))
			if !strings.Contains(got.Summary, tt.summary) {
				t.Errorf("summary %q lacks %q", got.Summary, tt.summary)
			}
			if len(got.Commands) != tt.commands {
				t.Fatalf("commands %q, want %d", got.Commands, tt.commands)
			}
			if tt.commands > 0 && !strings.Contains(got.Commands[0], tt.command) {
				t.Errorf("command %q lacks %q", got.Commands[0], tt.command)
			}
			if tt.reason != NotActive && strings.Contains(strings.Join(got.Commands, "\n"), "lsm=") {
				t.Errorf("%s is mended by lsm=? %q", tt.reason, got.Commands)
			}
		})
	}
}
