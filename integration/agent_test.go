//go:build vm

package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/agent-preflight/agent-preflight/integration/job"
	"github.com/agent-preflight/agent-preflight/preflight"
	"github.com/agent-preflight/agent-preflight/preflight/lsm"
)

// exitIdle is the host agent's exit code where it could attach nothing.
const exitIdle = 3

// planned is what the host agent's state and the policies command have in common.
type planned struct {
	Policies []preflight.Decision `json:"policies"`
}

// agentSteps put the host agent to the test, with both loaders, and hold the
// plan that the policies command makes of the same objects against it.
func agentSteps(r Row) []step {
	if len(r.Agent.Enabled) == 0 {
		return nil
	}
	var steps []step
	for _, l := range []lsm.Loader{lsm.Libbpf, lsm.EBPF} {
		steps = append(steps,
			step{r, job.Run{Name: "host agent, " + string(l), Argv: append([]string{"drill", "--loader", string(l)}, patience...)},
				func(t *testing.T, result job.Result) *variant {
					checkAgent(t, r, result)
					return &variant{name: "agent/" + string(l)}
				}},
			step{r, job.Run{Name: "policies, " + string(l), Argv: append(append([]string{"agent-preflight", "policies", "-o", "json", "--loader", string(l)}, patience...),
				"/bin/audit.bpf.o", "/bin/block.bpf.o", "/bin/creds.bpf.o")},
				func(t *testing.T, result job.Result) *variant {
					var got planned
					if err := json.Unmarshal([]byte(result.Stdout), &got); err != nil {
						t.Fatalf("%v\\n%s%s", err, result.Stdout, result.Stderr)
					}
					checkPlan(t, r, got)
					if want := exitCodes[r.Want.Status]; result.ExitCode != want {
						t.Errorf("exit code %d, want %d", result.ExitCode, want)
					}
					return &variant{name: "policies/" + string(l)}
				}})
	}
	return steps
}

func checkPlan(t *testing.T, r Row, got planned) {
	t.Helper()
	var enabled []string
	for _, d := range got.Policies {
		if d.State == preflight.Enabled {
			enabled = append(enabled, d.Policy)
		} else if d.Reason != r.Agent.Reason || d.Summary == "" || d.Remedy.Summary == "" {
			t.Errorf("%s: %s, %q, remedy %q, want %s", d.Policy, d.Reason, d.Summary, d.Remedy.Summary, r.Agent.Reason)
		}
	}
	if len(got.Policies) != 3 || !slices.Equal(enabled, r.Agent.Enabled) {
		t.Errorf("%d policies, enabled %v, want %v", len(got.Policies), enabled, r.Agent.Enabled)
	}
}

func checkAgent(t *testing.T, r Row, result job.Result) {
	var d job.Drill
	if err := json.Unmarshal([]byte(result.Stdout), &d); err != nil {
		t.Fatalf("%v\n%s%s", err, result.Stdout, result.Stderr)
	}
	var state struct {
		planned
		Attached []string `json:"attached"`
		Counters map[string]struct {
			Seen    uint64 `json:"seen"`
			Blocked uint64 `json:"blocked"`
		} `json:"counters"`
		PreflightMS float64 `json:"preflight_ms"`
		DetachMS    float64 `json:"detach_ms"`
	}
	if err := json.Unmarshal(d.State, &state); err != nil {
		t.Fatalf("%v\n%s", err, d.State)
	}
	checkPlan(t, r, state.planned)

	// Each policy that is off is said so once, with its reason.
	off := 3 - len(r.Agent.Enabled)
	if n := strings.Count(d.Log, `"policy is not enforced"`); n != off {
		t.Errorf("%d warnings for %d policies\n%s", n, off, d.Log)
	}
	if n := strings.Count(d.Log, fmt.Sprintf(`"status":%q,"reason":%q`, exitWord(r), r.Agent.Reason)); off > 0 && n != off+1 {
		t.Errorf("the reason %s is said %d times\n%s", r.Agent.Reason, n, d.Log)
	}

	if r.Agent.Idle {
		if d.ExitCode != exitIdle || len(state.Attached) > 0 {
			t.Errorf("exit code %d, attached %v\n%s", d.ExitCode, state.Attached, d.Log)
		}
		return
	}
	if d.ExitCode != 0 || !slices.Equal(state.Attached, r.Agent.Enabled) {
		t.Errorf("exit code %d, attached %v, want %v\n%s", d.ExitCode, state.Attached, r.Agent.Enabled, d.Log)
	}
	blocks := slices.Contains(r.Agent.Enabled, "block")
	if want := map[bool]string{true: "EPERM", false: ""}[blocks]; d.Secret != want {
		t.Errorf("a stranger opening the file to block: %q, want %q", d.Secret, want)
	}
	if d.Public != "" {
		t.Errorf("a stranger opening another file: %q", d.Public)
	}
	if state.Counters["audit"].Seen == 0 {
		t.Errorf("nothing was audited: %+v", state.Counters)
	}
	if blocks && (state.Counters["block"].Blocked != 1 || state.Counters["creds"].Seen == 0) {
		t.Errorf("counters %+v", state.Counters)
	}
	t.Logf("the agent waited %.0f ms for the verdict; the detach took %.0f ms more beside its own start", state.PreflightMS, state.DetachMS)
}

func exitWord(r Row) string { return r.Want.Status.String() }

// hooksSteps compare the table of hooks with cells that are known, and its
// names with an independent reading of the same kernel's BTF by bpftool.
func hooksSteps(r Row) []step {
	if len(r.Hooks.Cells) == 0 {
		return nil
	}
	return []step{{r, job.Run{Name: "hooks", Argv: []string{"agent-preflight", "hooks", "--all", "-o", "json"}},
		func(t *testing.T, result job.Result) *variant {
			var got struct {
				Hooks []lsm.Hook `json:"hooks"`
			}
			if err := json.Unmarshal([]byte(result.Stdout), &got); err != nil || result.ExitCode != 0 {
				t.Fatalf("exit code %d, %v\n%s", result.ExitCode, err, result.Stderr)
			}
			var names []string
			counts := map[string]int{}
			for _, h := range got.Hooks {
				names = append(names, h.Name)
				for column, cell := range map[string]string{"lsm": h.MAC, "lsm.s": h.Sleepable, "lsm_cgroup": h.Cgroup} {
					if cell == "y" {
						counts[column]++
					}
				}
				if want, ok := r.Hooks.Cells[h.Name]; ok && h != want {
					t.Errorf("got %+v, want %+v", h, want)
				}
			}
			if want := hooksByBpftool(t, r); !slices.Equal(names, want) {
				t.Errorf("%d hooks, by bpftool %d\n%v\n%v", len(names), len(want), names, want)
			}
			t.Logf("%d hooks as by bpftool; accepted: %v; in %v of the guest's time", len(names), counts, result.Elapsed)
			return &variant{name: "hooks"}
		}}}
}

var (
	hookFunction = regexp.MustCompile(`(?m)^\[\d+\] FUNC 'bpf_lsm_(\w+)'`)
	hookUnion    = regexp.MustCompile(`(?m)^\[\d+\] UNION 'security_list_options'.*\n((?:\t.*\n)*)`)
	unionMember  = regexp.MustCompile(`(?m)^\t'(\w+)'`)
)

// hooksByBpftool reads the BTF of a row's kernel image, outside of any machine.
func hooksByBpftool(t *testing.T, r Row) []string {
	t.Helper()
	k, err := kernelNamed(r.Kernel)
	if err != nil {
		t.Fatal(err)
	}
	image, err := k.Image(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	elf := filepath.Join(t.TempDir(), "vmlinux")
	if err := unpackImage(t.Context(), image, elf); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	dump := exec.CommandContext(t.Context(), bpftool(), "btf", "dump", "file", elf)
	dump.Stderr = &stderr
	out, err := dump.Output()
	if err != nil {
		t.Fatalf("%v: %v: %s", dump, err, stderr.String())
	}
	members := map[string]bool{}
	if union := hookUnion.FindSubmatch(out); union != nil {
		for _, match := range unionMember.FindAllSubmatch(union[1], -1) {
			members[string(match[1])] = true
		}
	}
	var names []string
	for _, match := range hookFunction.FindAllSubmatch(out, -1) {
		if name := string(match[1]); members[name] { // the others are functions about BPF LSM
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// bpftool is in a directory that is not on the path of every user.
func bpftool() string {
	if path, err := exec.LookPath("bpftool"); err == nil {
		return path
	}
	return "/usr/sbin/bpftool"
}
