package lsm

import (
	"encoding/binary"
	"strings"
	"testing"
)

func TestOlderThan(t *testing.T) {
	for _, tt := range []struct {
		release string
		want    bool // than 5.8
	}{
		{"5.7.19-generic", true},
		{"5.8.0", false},
		{"4.19.0-27-amd64", true},
		{"5.10.0-32-cloud-amd64", false},
		{"6.12.107+deb13-cloud-amd64", false},
		{"5.4", true},
		{"5", false}, // not known to be older
		{"", false},
		{"next-20260101", false},
		{"-1.2", false},
	} {
		if got := olderThan(tt.release, 5, 8); got != tt.want {
			t.Errorf("%q older than 5.8: %v", tt.release, got)
		}
	}
}

func TestListed(t *testing.T) {
	for list, want := range map[string]bool{
		"lockdown,capability,yama,bpf\n": true,
		"bpf":                            true,
		"lockdown,bpfx,xbpf":             false,
		"":                               false,
		"capability,landlock":            false,
	} {
		if got := listed(list, "bpf"); got != want {
			t.Errorf("%q: %v", list, got)
		}
	}
}

func TestCmdlineValue(t *testing.T) {
	for _, tt := range []struct {
		cmdline, want string
		ok            bool
	}{
		{"quiet lsm=lockdown,yama,bpf ro", "lockdown,yama,bpf", true},
		{"lsm=yama lsm=bpf", "bpf", true},
		{"lsm=", "", true},
		{`lsm="lockdown,bpf" quiet`, "lockdown,bpf", true},
		{`dyndbg="file a.c +p; lsm=no" quiet`, "", false},
		{"quiet -- lsm=bpf", "", false},
		{"xlsm=bpf lsm.debug", "", false},
		{"", "", false},
	} {
		got, ok := cmdlineValue(tt.cmdline, "lsm")
		if got != tt.want || ok != tt.ok {
			t.Errorf("%q: %q, %v", tt.cmdline, got, ok)
		}
	}
}

func TestParseConfig(t *testing.T) {
	const text = "# CONFIG_BPF_LSM is not set\nCONFIG_BPF_SYSCALL=y\nCONFIG_LSM=\"landlock,bpf\"\nCONFIG_BPF_LSMX=y\n"
	got, err := parseConfig(strings.NewReader(text), []string{"CONFIG_BPF_SYSCALL", "CONFIG_BPF_LSM", "CONFIG_LSM", "CONFIG_ABSENT"})
	if err != nil {
		t.Fatal(err)
	}
	for option, want := range map[string]string{
		"CONFIG_BPF_SYSCALL": "y", "CONFIG_BPF_LSM": "n", "CONFIG_LSM": "landlock,bpf", "CONFIG_ABSENT": "n",
	} {
		if got[option] != want {
			t.Errorf("%s is %q, want %q", option, got[option], want)
		}
	}
	if _, err := parseConfig(strings.NewReader("<html>not a config</html>"), nil); err == nil {
		t.Error("something else than a configuration: no error")
	}
}

func TestParseCapabilities(t *testing.T) {
	for mask, want := range map[string]string{
		"000001ffffffffff": "CAP_SYS_ADMIN,CAP_SYS_RESOURCE,CAP_PERFMON,CAP_BPF",
		"000001fffeffffff": "CAP_SYS_ADMIN,CAP_PERFMON,CAP_BPF",
		"000000c000000000": "CAP_PERFMON,CAP_BPF",
		"00000000a80425fb": "none", // Docker's default
		"0000000000000000": "none",
	} {
		if got, err := parseCapabilities(mask); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", mask, got, err, want)
		}
	}
	if _, err := parseCapabilities("xyz"); err == nil {
		t.Error("xyz: no error")
	}
}

func TestSmallParsers(t *testing.T) {
	if got, err := statusField("Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t1\n", "Seccomp"); err != nil || got != "2" {
		t.Errorf("Seccomp: %q, %v", got, err)
	}
	if _, err := statusField("Name:\tx\n", "CapEff"); err == nil {
		t.Error("no CapEff: no error")
	}
	for text, want := range map[string]bool{
		"         0          0 4294967295\n": true,
		"         0     100000      65536\n": false,
		"0 0 4294967295\n1 1 1\n":            false,
		"":                                   false,
	} {
		if got := initialUIDMap(text); got != want {
			t.Errorf("uid_map %q: %v", text, got)
		}
	}
	if got, err := lockdownMode("none [integrity] confidentiality\n"); err != nil || got != "integrity" {
		t.Errorf("lockdown: %q, %v", got, err)
	}
	for _, text := range []string{"", "none", "none [integrity"} {
		if _, err := lockdownMode(text); err == nil {
			t.Errorf("lockdown %q: no error", text)
		}
	}
	if got := osReleaseField("NAME=\"x\"\nID=ubuntu\nID_LIKE=\"debian\"\n", "ID_LIKE"); got != "debian" {
		t.Errorf("ID_LIKE: %q", got)
	}
}

// fakeBTF is a header and strings, without types.
func fakeBTF(order binary.ByteOrder, names ...string) []byte {
	text := "\x00" + strings.Join(names, "\x00") + "\x00"
	raw := make([]byte, btfHeaderSize)
	order.PutUint16(raw, 0xeb9f)
	raw[2] = 1
	order.PutUint32(raw[4:], btfHeaderSize)
	order.PutUint32(raw[20:], uint32(len(text)))
	return append(raw, text...)
}

func TestBTFHasName(t *testing.T) {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		raw := fakeBTF(order, "bpf_lsm_file_open_x", "register_ftrace_direct", "task_struct")
		b, err := parseBTF(raw)
		if err != nil || b.hasName("bpf_lsm_file_open") || !b.hasName("register_ftrace_direct") {
			t.Errorf("%v: %v", order, err)
		}
		for n := range raw {
			if _, err := parseBTF(raw[:n]); err == nil {
				t.Errorf("%v: no error with %d of %d bytes", order, n, len(raw))
			}
		}
	}
	if _, err := parseBTF(make([]byte, 100)); err == nil {
		t.Error("no magic number: no error")
	}
}

func FuzzText(f *testing.F) {
	for _, seed := range []string{
		"BOOT_IMAGE=/boot/vmlinuz-6.1 root=/dev/sda1 ro quiet lsm=landlock,bpf",
		"CONFIG_LSM=\"landlock,lockdown,yama,bpf\"\n# CONFIG_BPF_LSM is not set\n",
		"Name:\tagent\nCapEff:\t000001ffffffffff\nSeccomp:\t0\n",
		"none [integrity] confidentiality",
		"0 0 4294967295",
		"PRETTY_NAME=\"Debian GNU/Linux 12\"\nID=debian\n",
		"\"\"=lsm=\x00\xff[",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parseRelease(text)
		if value, ok := cmdlineValue(text, "lsm"); ok && !strings.Contains(text, "lsm=") {
			t.Errorf("found %q in %q", value, text)
		}
		if listed(text, "bpf") && !strings.Contains(text, "bpf") {
			t.Errorf("found bpf in %q", text)
		}
		values, err := parseConfig(strings.NewReader(text), configOptions)
		if err == nil && len(values) != len(configOptions) {
			t.Errorf("%d options of %d", len(values), len(configOptions))
		}
		_, _ = statusField(text, "CapEff")
		_, _ = parseCapabilities(text)
		_, _ = lockdownMode(text)
		initialUIDMap(text)
		osReleaseField(text, "ID")
		if line := firstLine(text); strings.Contains(line, "\n") || len(line) > 200 {
			t.Errorf("first line %q", line)
		}
	})
}

func FuzzBTF(f *testing.F) {
	f.Add(fakeBTF(binary.LittleEndian, "bpf_lsm_file_open"))
	f.Add(fakeBTF(binary.BigEndian, "a", "b"))
	f.Add([]byte("\x9f\xeb\x01\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := parseBTF(raw)
		if err != nil {
			return
		}
		if b.hasName("bpf_lsm_file_open") && !strings.Contains(string(raw), "bpf_lsm_file_open") {
			t.Error("found what is not there")
		}
		found, err := b.functions(hookPrefix, hookUnion)
		for name := range found {
			if err != nil || !strings.HasPrefix(name, hookPrefix) || !strings.Contains(string(raw), name) {
				t.Errorf("found %q, %v", name, err)
			}
		}
	})
}
