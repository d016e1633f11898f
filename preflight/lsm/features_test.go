package lsm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/agent-preflight/agent-preflight/preflight"
	"github.com/agent-preflight/agent-preflight/preflight/lsm/bpf"
)

// kernel is a surface made of a table: feature -> errno; hooks are numbered.
type kernel struct {
	names  []string
	errnos map[string]string
	err    error
	loads  int
}

func (k *kernel) hooks() (map[string]uint32, error) {
	ids := map[string]uint32{}
	for i, name := range k.names {
		ids[name] = uint32(i + 1)
	}
	return ids, k.err
}

func (k *kernel) accepts(how kind, id uint32) string {
	k.loads++
	return k.errnos[how.prefix+k.names[id-1]]
}

func TestAnswer(t *testing.T) {
	names := []string{"bprm_committed_creds", "file_open", "getprocattr", "socket_bind"}
	modern := map[string]string{
		"lsm.s/getprocattr": "EINVAL", "lsm/getprocattr": "EINVAL", "lsm_cgroup/getprocattr": "EINVAL",
		"lsm_cgroup/bprm_committed_creds": "EINVAL", "lsm.s/socket_bind": "EINVAL",
	}
	old := map[string]string{"lsm_cgroup/socket_bind": "EINVAL", "lsm_cgroup/file_open": "EINVAL"}
	pass := preflight.Result{Status: preflight.Pass, Reason: Enforced, Summary: "works"}
	fail := preflight.Result{Status: preflight.Fail, Reason: NotActive, Summary: "silent", Remedy: preflight.Remedy{Summary: "add bpf"}}
	for _, tt := range []struct {
		name    string
		base    preflight.Result
		errnos  map[string]string
		err     error
		feature preflight.Feature
		want    preflight.Reason // "" is not answered
		status  preflight.Status
	}{
		{"file_open is proved", pass, modern, nil, "lsm/file_open", Enforced, preflight.Pass},
		{"another hook is accepted", pass, modern, nil, "lsm/socket_bind", Accepted, preflight.Pass},
		{"sleepable", pass, modern, nil, "lsm.s/bprm_committed_creds", Accepted, preflight.Pass},
		{"not sleepable", pass, modern, nil, "lsm.s/socket_bind", HookNotSleepable, preflight.Fail},
		{"disabled for BPF", pass, modern, nil, "lsm/getprocattr", HookRefused, preflight.Fail},
		{"disabled for BPF, asked as sleepable", pass, modern, nil, "lsm.s/getprocattr", HookRefused, preflight.Fail},
		{"cgroup", pass, modern, nil, "lsm_cgroup/socket_bind", Accepted, preflight.Pass},
		{"not for cgroups", pass, modern, nil, "lsm_cgroup/bprm_committed_creds", HookNotForCgroups, preflight.Fail},
		{"kernel before 6.0", pass, old, nil, "lsm_cgroup/file_open", NoCgroupLSM, preflight.Fail},
		{"no such hook", pass, modern, nil, "lsm/file_opened", HookMissing, preflight.Fail},
		{"refused to this process", pass, map[string]string{"lsm/socket_bind": "EPERM"}, nil, "lsm/socket_bind", DeniedByPolicy, preflight.Unknown},
		{"out of memory", pass, map[string]string{"lsm/socket_bind": "ENOMEM"}, nil, "lsm/socket_bind", OutOfResources, preflight.Unknown},
		{"BTF is unreadable", pass, nil, errors.New("BTF: magic"), "lsm/socket_bind", Internal, preflight.Unknown},
		{"nothing fires", fail, modern, nil, "lsm_cgroup/socket_bind", NotActive, preflight.Fail},
		{"not known", preflight.Result{Reason: TimedOut}, modern, nil, "lsm/socket_bind", TimedOut, preflight.Unknown},
		{"not about LSM", pass, modern, nil, "kprobe/do_sys_open", "", preflight.Unknown},
		{"no hook", pass, modern, nil, "lsm/", "", preflight.Unknown},
		{"hostile", pass, modern, nil, "lsm/\x1b[2J", "", preflight.Unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := &kernel{names: names, errnos: tt.errnos, err: tt.err}
			got := answer([]preflight.Feature{tt.feature}, tt.base, func() *hookTable { return newHookTable(k) })
			if tt.want == "" {
				if len(got) != 0 {
					t.Errorf("answered: %+v", got)
				}
				return
			}
			if len(got) != 1 || got[0].Reason != tt.want || got[0].Status != tt.status || got[0].Feature != tt.feature || got[0].Remedy.Commands == nil {
				t.Errorf("got %+v", got)
			}
			if tt.base.Status != preflight.Pass && (k.loads > 0 || got[0].Remedy.Summary != tt.base.Remedy.Summary) {
				t.Errorf("%d programs loaded, %+v", k.loads, got)
			}
		})
	}
}

func TestAllHooks(t *testing.T) {
	k := &kernel{names: []string{"socket_bind", "file_open"}, errnos: map[string]string{"lsm.s/socket_bind": "EINVAL"}}
	table := newHookTable(k)
	got, err := table.all()
	want := []Hook{{"file_open", "y", "y", "y"}, {"socket_bind", "y", "HookNotSleepable", "y"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	if k.loads != 6 {
		t.Errorf("%d programs loaded for 6 cells", k.loads)
	}
	for _, errno := range []string{"EPERM", "EACCES", "ENOSYS", "ENOMEM"} {
		k := &kernel{names: []string{"file_open"}, errnos: map[string]string{"lsm/file_open": errno}}
		if hooks, err := newHookTable(k).all(); err == nil || hooks != nil {
			t.Errorf("%s: %v, %v", errno, hooks, err)
		}
	}
	if got[0].Accepts() != true || (Hook{MAC: "HookRefused"}).Accepts() {
		t.Error("Accepts")
	}
}

// withTypes is BTF of one type of every kind and functions.
func withTypes(order binary.ByteOrder, functions ...string) []byte {
	var types, text bytes.Buffer
	text.WriteByte(0)
	say := func(name string) (offset uint32) {
		if name == "" {
			return 0
		}
		defer text.WriteString(name + "\x00")
		return uint32(text.Len())
	}
	add := func(name string, kind, vlen uint32, extra uint64) {
		offset := say(name)
		for _, v := range []uint32{offset, kind<<24 | vlen, 0} {
			_ = binary.Write(&types, order, v)
		}
		types.Write(make([]byte, extra))
	}
	for k := uint32(1); k < uint32(len(btfExtra)+1); k++ {
		add("", k, 3, btfExtra[k].fixed+3*btfExtra[k].each)
	}
	add(hookUnion, btfKindUnion, uint32(len(functions)), 0)
	for _, name := range functions {
		for _, v := range []uint32{say(strings.TrimPrefix(name, hookPrefix)), 0, 0} {
			_ = binary.Write(&types, order, v)
		}
	}
	for _, name := range append(functions, hookPrefix+"is_sleepable_hook") {
		add(name, btfKindFunc, 0, 0)
	}
	raw := make([]byte, btfHeaderSize)
	order.PutUint16(raw, 0xeb9f)
	raw[2] = 1
	order.PutUint32(raw[4:], btfHeaderSize)
	order.PutUint32(raw[12:], uint32(types.Len()))
	order.PutUint32(raw[16:], uint32(types.Len()))
	order.PutUint32(raw[20:], uint32(text.Len()))
	return append(append(raw, types.Bytes()...), text.Bytes()...)
}

func TestFunctions(t *testing.T) {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		raw := withTypes(order, "bpf_lsm_a", "vfs_read", "bpf_lsm_b")
		b, err := parseBTF(raw)
		if err != nil {
			t.Fatal(err)
		}
		got, err := b.functions(hookPrefix, hookUnion)
		n := uint32(len(btfExtra)) + 1
		if err != nil || len(got) != 2 || got["bpf_lsm_a"] != n+1 || got["bpf_lsm_b"] != n+3 {
			t.Errorf("%v: %v, %v", order, got, err)
		}
		b.types = b.types[:len(b.types)-1]
		if _, err := b.functions(hookPrefix, hookUnion); err == nil {
			t.Errorf("%v: truncated: no error", order)
		}
	}
}

func TestFeatureOf(t *testing.T) {
	for _, tt := range []struct {
		section string
		want    preflight.Feature
		bad     bool
	}{
		{"lsm/file_open", "lsm/file_open", false},
		{"?lsm/file_open", "lsm/file_open", false},
		{"lsm.s/bprm_committed_creds", "lsm.s/bprm_committed_creds", false},
		{"lsm_cgroup/socket_bind", "lsm_cgroup/socket_bind", false},
		{"lsm/file_open.cold", "lsm/file_open", false},
		{"lsm/file_open/second", "lsm/file_open", false},
		{"kprobe/lsm", "", false},
		{"lsmx/file_open", "", false},
		{"tracepoint/syscalls/sys_enter_openat", "", false},
		{"lsm", "", true},
		{"lsm/", "", true},
		{"lsm.s", "", true},
		{"lsm//x", "", true},
	} {
		got, ok, err := featureOf(tt.section)
		if got != tt.want || ok != (tt.want != "") || (err != nil) != tt.bad {
			t.Errorf("%q: %q, %v, %v", tt.section, got, ok, err)
		}
	}
}

func TestRequirementsOf(t *testing.T) {
	got, err := RequirementsOf(bytes.NewReader(bpf.Object))
	if err != nil || !slices.Equal(got, []preflight.Feature{"lsm/file_open"}) {
		t.Errorf("our own object: %v, %v", got, err)
	}
	for n := 0; n < len(bpf.Object); n += 7 {
		if _, err := RequirementsOf(bytes.NewReader(bpf.Object[:n])); err == nil {
			t.Errorf("no error with %d of %d bytes", n, len(bpf.Object))
		}
	}
	if _, err := RequirementsOf(strings.NewReader("#!/bin/sh")); err == nil {
		t.Error("a script: no error")
	}
}

func FuzzRequirementsOf(f *testing.F) {
	f.Add(bpf.Object)
	f.Add(bpf.Object[:64])
	if objects, err := os.ReadFile("bpf/file_open_bpfeb.o"); err == nil {
		f.Add(objects)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		features, err := RequirementsOf(bytes.NewReader(raw))
		if err != nil && features != nil {
			t.Error("features and an error")
		}
		for _, feature := range features {
			if _, _, ok := parseFeature(feature); !ok {
				t.Errorf("feature %q", feature)
			}
		}
	})
}
