package lsm

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io/fs"
	"maps"
	"syscall"
	"testing"
	"testing/fstest"
)

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// debian12 is a made-up host in the files that facts come from.
var debian12 = map[string]string{
	"etc/os-release":                            "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n",
	"sys/kernel/security/lsm":                   "lockdown,capability,landlock,yama,apparmor,tomoyo,bpf",
	"sys/kernel/security/lockdown":              "[none] integrity confidentiality\n",
	"sys/kernel/btf/vmlinux":                    string(fakeBTF(binary.LittleEndian, "bpf_lsm_file_open")),
	"proc/cmdline":                              "BOOT_IMAGE=/vmlinuz ro quiet\n",
	"boot/config-6.1.0-56-arm64":                "CONFIG_BPF_LSM=y\nCONFIG_BPF_SYSCALL=y\nCONFIG_LSM=\"landlock,bpf\"\n",
	"proc/sys/kernel/ftrace_enabled":            "1\n",
	"proc/sys/kernel/unprivileged_bpf_disabled": "2\n",
	"proc/self/status":                          "CapEff:\t000001ffffffffff\nSeccomp:\t0\n",
	"proc/self/uid_map":                         "         0          0 4294967295\n",
	"proc/self/attr/current":                    "unconfined\n",
}

// with is debian12 with other files; an empty text takes a file away.
func with(other map[string]string) fs.FS {
	root := fstest.MapFS{}
	files := maps.Clone(debian12)
	maps.Copy(files, other)
	for name, text := range files {
		if text != "" {
			root[name] = &fstest.MapFile{Data: []byte(text)}
		}
	}
	return root
}

func hostOf(root fs.FS) host {
	return host{
		root:    root,
		release: func() (string, string) { return "6.1.0-56-arm64", "aarch64" },
		modules: func() ([]uint64, error) { return nil, syscall.ENOSYS },
		memlock: func() (uint64, error) { return 8 << 20, nil },
		gate:    func() string { return "EINVAL" },
		control: func(uint32) string { return loads },
	}
}

func TestGather(t *testing.T) {
	const yes, no = "CONFIG_BPF_LSM=y\n", "CONFIG_BPF_SYSCALL=y\n"
	for _, tt := range []struct {
		name  string
		other map[string]string
		fact  string
		value string // "" is an error
	}{
		{"active list", nil, factActive, "lockdown,capability,landlock,yama,apparmor,tomoyo,bpf"},
		{"securityfs not mounted", map[string]string{"sys/kernel/security/lsm": ""}, factActive, ""},
		{"no lsm= on the command line", nil, factCmdline, ""},
		{"lsm= on the command line", map[string]string{"proc/cmdline": "lsm=yama,bpf"}, factCmdline, "yama,bpf"},
		{"configuration in /boot", nil, "config.CONFIG_BPF_LSM", "y"},
		{"configuration of the running kernel first", map[string]string{"proc/config.gz": zipped(t, no)}, "config.CONFIG_BPF_LSM", "n"},
		{"broken config.gz", map[string]string{"proc/config.gz": "\x1f\x8bnot gzip"}, "config.CONFIG_BPF_LSM", "y"},
		{"configuration of another release", map[string]string{"boot/config-6.1.0-56-arm64": "", "boot/config-6.1.0-55-arm64": yes}, "config.CONFIG_BPF_LSM", ""},
		{"configuration beside the modules", map[string]string{"boot/config-6.1.0-56-arm64": "", "lib/modules/6.1.0-56-arm64/config": yes}, "config.CONFIG_BPF_LSM", "y"},
		{"capabilities", nil, factCaps, "CAP_SYS_ADMIN,CAP_SYS_RESOURCE,CAP_PERFMON,CAP_BPF"},
		{"no /proc", map[string]string{"proc/self/status": ""}, factCaps, ""},
		{"initial user namespace", nil, factUserNS, userNSInitial},
		{"rootless container", map[string]string{"proc/self/uid_map": "0 1000 1\n1 100000 65536\n"}, factUserNS, userNSOther},
		{"memlock", nil, factMemlock, "8388608"},
		{"hook in BTF", nil, factBTFHook, "y"},
		{"direct calls not in BTF", nil, factBTFDirect, "n"},
		{"no BTF", map[string]string{"sys/kernel/btf/vmlinux": ""}, factBTF, ""},
		{"truncated BTF", map[string]string{"sys/kernel/btf/vmlinux": "\x9f\xeb\x01"}, factBTFHook, ""},
		{"hostile text", map[string]string{"sys/kernel/security/lsm": "bpf\x1b]0;x\x07"}, factActive, "bpf\uFFFD]0;x\uFFFD"},
		{"control load", nil, factSocketFilter, loads},
	} {
		t.Run(tt.name, func(t *testing.T) {
			facts := hostOf(with(tt.other)).gather(Outcome{Loader: EBPF, Stage: StageLoad, Errno: "EPERM", Err: "no"})
			value, known := facts.value(tt.fact)
			if known != (tt.value != "") || value != tt.value {
				t.Errorf("%s is %q, known %v, want %q", tt.fact, value, known, tt.value)
			}
			for _, f := range facts {
				if f.Name == "" || f.Source == "" || f.Error != "" && f.Value != "" {
					t.Errorf("fact %+v", f)
				}
			}
		})
	}
}

func TestGatherAsksOnlyWhatBears(t *testing.T) {
	h := hostOf(with(nil))
	h.control = func(uint32) string { t.Error("a control program was loaded"); return loads }
	facts := h.gather(Outcome{Stage: StageFire})
	if _, known := facts.value(factBTF); known {
		t.Error("BTF was read although the program fired")
	}
}

func TestGatherModules(t *testing.T) {
	h := hostOf(with(map[string]string{"sys/kernel/security/lsm": ""}))
	h.modules = func() ([]uint64, error) { return []uint64{100, 108, 109, 999}, nil }
	if got, _ := h.gather(Outcome{Stage: StageFire}).value(factActive); got != "capability,lockdown,bpf,id999" {
		t.Errorf("active list %q", got)
	}
}
