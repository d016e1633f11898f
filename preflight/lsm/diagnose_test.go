package lsm

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/agent-preflight/agent-preflight/preflight"
)

// known makes facts of names and values.
func known(values map[string]string) Facts {
	var f Facts
	for _, name := range slices.Sorted(maps.Keys(values)) {
		f = append(f, preflight.Fact{Name: name, Value: values[name], Source: "test"})
	}
	return f
}

func unreadable(names ...string) Facts {
	var f Facts
	for _, name := range names {
		f = append(f, preflight.Fact{Name: name, Error: notExist, Source: "test"})
	}
	return f
}

func TestDiagnose(t *testing.T) {
	const (
		root    = "CAP_SYS_ADMIN,CAP_SYS_RESOURCE,CAP_PERFMON,CAP_BPF"
		direct  = "config.CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS"
		builtIn = "config.CONFIG_BPF_LSM"
	)
	type m = map[string]string
	verdict := []string{"processed 12 insns (limit 1000000)"}
	for _, tt := range []struct {
		name   string
		facts  Facts
		o      Outcome
		want   preflight.Reason
		status preflight.Status
	}{
		{"open: our object is broken", nil, Outcome{Stage: StageOpen, Err: "bad ELF"}, Internal, preflight.Unknown},
		{"nothing happened", nil, Outcome{}, Internal, preflight.Unknown},
		{"deadline", nil, Outcome{Stage: StageAttach, Interrupted: TimedOut}, TimedOut, preflight.Unknown},

		{"load: kernel 5.4", known(m{factRelease: "5.4.0-216-generic", factBTFHook: "n"}), Outcome{Stage: StageLoad, Errno: "ESRCH"}, KernelTooOld, preflight.Fail},
		{"load: s390x 6.12, CONFIG_BPF_LSM off", known(m{factRelease: "6.12.1", factBTFHook: "n"}), Outcome{Stage: StageLoad, Errno: "ESRCH"}, NotBuilt, preflight.Fail},
		{"load: the configuration says off", known(m{factRelease: "6.1.0", builtIn: "n"}), Outcome{Stage: StageLoad, Errno: "EINVAL"}, NotBuilt, preflight.Fail},
		{"load: hook symbol missing", known(m{factRelease: "6.1.0", builtIn: "n"}), Outcome{Stage: StageLoad, Errno: "ENOENT"}, NotBuilt, preflight.Fail},
		{"load: armhf 6.12, no BTF", append(known(m{factRelease: "6.12.1", builtIn: "y"}), unreadable(factBTF)...), Outcome{Stage: StageLoad, Errno: "ESRCH"}, NoKernelBTF, preflight.Fail},
		{"load: chroot without /sys", append(known(m{factSysfs: "n"}), unreadable(factBTF)...), Outcome{Stage: StageLoad, Errno: "ESRCH"}, NoKernelBTF, preflight.Unknown},
		{"load: BTF is there and cannot be read", Facts{{Name: factBTF, Error: "permission denied"}}, Outcome{Stage: StageLoad, Errno: "ESRCH"}, Internal, preflight.Unknown},
		{"load: RHEL 8, 4.18 with the hook backported", known(m{factRelease: "4.18.0-553.el8", factBTFHook: "y", factBTF: "5"}), Outcome{Stage: StageLoad, Errno: "EINVAL"}, Internal, preflight.Unknown},
		{"load: EINVAL with all in place", known(m{factRelease: "6.12.1", builtIn: "y", factBTFHook: "y", factBTF: "5"}), Outcome{Stage: StageLoad, Errno: "EINVAL"}, Internal, preflight.Unknown},
		{"load: verifier refuses", nil, Outcome{Stage: StageLoad, Errno: "EACCES", Log: verdict}, Internal, preflight.Unknown},
		{"load: SELinux", nil, Outcome{Stage: StageLoad, Errno: "EACCES", Log: []string{"libbpf: failed"}}, DeniedByLSM, preflight.Unknown},
		{"load: JIT fails", nil, Outcome{Stage: StageLoad, Errno: "ENOTSUPP"}, NoJIT, preflight.Fail},
		{"load: out of memory", nil, Outcome{Stage: StageLoad, Errno: "ENOMEM"}, OutOfResources, preflight.Unknown},
		{"load: no bpf(2)", known(m{factSeccomp: "0"}), Outcome{Stage: StageLoad, Errno: "ENOSYS"}, NoBPF, preflight.Fail},
		{"load: ENOSYS, and nothing is known", nil, Outcome{Stage: StageLoad, Errno: "ENOSYS"}, DeniedBySeccomp, preflight.Unknown},
		{"load: ENOSYS, and the configuration is clear", known(m{factSeccomp: "2", "config.CONFIG_BPF_SYSCALL": "n"}), Outcome{Stage: StageLoad, Errno: "ENOSYS"}, NoBPF, preflight.Fail},
		{"load: seccomp answers ENOSYS", known(m{factSeccomp: "2"}), Outcome{Stage: StageLoad, Errno: "ENOSYS"}, DeniedBySeccomp, preflight.Unknown},

		{"EPERM: no capabilities", known(m{factRelease: "6.12.1", factCaps: "none", factUserNS: userNSInitial}), Outcome{Stage: StageLoad, Errno: "EPERM"}, MissingCapability, preflight.Unknown},
		{"EPERM: only CAP_BPF", known(m{factRelease: "6.12.1", factCaps: "CAP_BPF", factSocketFilter: loads}), Outcome{Stage: StageLoad, Errno: "EPERM"}, MissingCapability, preflight.Unknown},
		{"EPERM: CAP_BPF before it existed", known(m{factRelease: "5.7.1", factCaps: "CAP_BPF,CAP_PERFMON"}), Outcome{Stage: StageLoad, Errno: "EPERM"}, MissingCapability, preflight.Unknown},
		{"EPERM: user namespace with all capabilities", known(m{factCaps: root, factUserNS: userNSOther}), Outcome{Stage: StageLoad, Errno: "EPERM"}, UserNamespace, preflight.Unknown},
		{"EPERM: controls load", known(m{factRelease: "6.18.44", factCaps: root, factUserNS: userNSInitial, factSocketFilter: loads, factTracepoint: loads}), Outcome{Stage: StageLoad, Errno: "EPERM"}, DeniedByPolicy, preflight.Unknown},
		{"EPERM: unprivileged BPF allowed, capabilities unreadable", known(m{factRelease: "6.1.0", factSocketFilter: loads, factTracepoint: "EPERM"}), Outcome{Stage: StageLoad, Errno: "EPERM"}, MissingCapability, preflight.Unknown},
		{"EPERM: seccomp stops bpf(2)", known(m{factRelease: "6.1.0", factCaps: root, factSeccomp: "2", factGate: "EPERM", factSocketFilter: "EPERM"}), Outcome{Stage: StageLoad, Errno: "EPERM"}, DeniedBySeccomp, preflight.Unknown},
		{"EPERM: memlock before 5.11", known(m{factRelease: "5.10.0", factCaps: root, factMemlock: "0", factSeccomp: "0", factSocketFilter: "EPERM"}), Outcome{Stage: StageLoad, Errno: "EPERM"}, MemlockLimit, preflight.Unknown},
		{"EPERM: memlock does not count from 5.11", known(m{factRelease: "5.15.0", factCaps: root, factMemlock: "0", factSeccomp: "0", factSocketFilter: "EPERM"}), Outcome{Stage: StageLoad, Errno: "EPERM"}, DeniedByPolicy, preflight.Unknown},
		{"EPERM: nothing is known", nil, Outcome{Stage: StageLoad, Errno: "EPERM"}, MissingCapability, preflight.Unknown},

		{"attach: arm64 6.1, bpf listed, no option", known(m{factArch: "aarch64", factRelease: "6.1.0", direct: "n", factActive: "capability,bpf"}), Outcome{Stage: StageAttach, Errno: "ENOTSUPP"}, NoDirectCalls, preflight.Fail},
		{"attach: arm64 6.3, BTF tells", known(m{factArch: "aarch64", factRelease: "6.3.8", factBTFDirect: "n"}), Outcome{Stage: StageAttach, Errno: "ENOTSUPP"}, NoDirectCalls, preflight.Fail},
		{"attach: arm64 6.12 with clang CFI", known(m{factArch: "aarch64", factRelease: "6.12.0", direct: "n"}), Outcome{Stage: StageAttach, Errno: "ENOTSUPP"}, NoDirectCalls, preflight.Fail},
		{"attach: arm64 5.10", known(m{factArch: "aarch64", factRelease: "5.10.0", direct: "n"}), Outcome{Stage: StageAttach, Errno: "ENOTSUPP"}, NoTrampoline, preflight.Fail},
		{"attach: ppc64le 6.12", known(m{factArch: "ppc64le", factRelease: "6.12.1"}), Outcome{Stage: StageAttach, Errno: "ENOTSUPP"}, NoTrampoline, preflight.Fail},
		{"attach: arm32", known(m{factArch: "armv7l", factRelease: "6.12.1"}), Outcome{Stage: StageAttach, Errno: "ENOTSUPP"}, NoTrampoline, preflight.Fail},
		{"attach: direct calls are there", known(m{factArch: "s390x", factRelease: "6.1.0", direct: "y"}), Outcome{Stage: StageAttach, Errno: "ENOTSUPP"}, NoTrampoline, preflight.Fail},
		{"attach: nothing is known", nil, Outcome{Stage: StageAttach, Errno: "ENOTSUPP"}, NoDirectCalls, preflight.Fail},
		{"attach: another direct user", known(m{"config.CONFIG_FUNCTION_TRACER": "y"}), Outcome{Stage: StageAttach, Errno: "EBUSY"}, HookBusy, preflight.Unknown},
		{"attach: x86 without the function tracer", known(m{"config.CONFIG_FUNCTION_TRACER": "n"}), Outcome{Stage: StageAttach, Errno: "EBUSY"}, HookBusy, preflight.Fail},
		{"attach: 38 programs", nil, Outcome{Stage: StageAttach, Errno: "E2BIG"}, HookFull, preflight.Unknown},
		{"attach: refused", nil, Outcome{Stage: StageAttach, Errno: "EPERM"}, DeniedByPolicy, preflight.Unknown},
		{"attach: no memory", nil, Outcome{Stage: StageAttach, Errno: "ENOMEM"}, OutOfResources, preflight.Unknown},
		{"attach: ftrace killed itself", nil, Outcome{Stage: StageAttach, Errno: "ENODEV"}, Internal, preflight.Unknown},

		{"fire: bpf not active", known(m{factActive: "capability,yama", factFtrace: "1"}), Outcome{Stage: StageFire}, NotActive, preflight.Fail},
		{"fire: bpfx is not bpf", known(m{factActive: "capability,bpfx", factFtrace: "1"}), Outcome{Stage: StageFire}, NotActive, preflight.Fail},
		{"fire: not active and ftrace off", known(m{factActive: "capability,yama", factFtrace: "0"}), Outcome{Stage: StageFire}, NotActive, preflight.Fail},
		{"fire: ftrace off", known(m{factActive: "capability,bpf", factFtrace: "0"}), Outcome{Stage: StageFire}, FtraceDisabled, preflight.Fail},
		{"fire: all in place", known(m{factActive: "capability,bpf", factFtrace: "1"}), Outcome{Stage: StageFire}, NotFiring, preflight.Fail},
		{"fire: active, and ftrace's setting cannot be read", known(m{factActive: "capability,bpf"}), Outcome{Stage: StageFire}, FtraceDisabled, preflight.Fail},
		{"fire: lsm= outranks CONFIG_LSM", append(known(m{factCmdline: "yama", "config.CONFIG_LSM": "yama,bpf", factFtrace: "1"}), unreadable(factActive)...), Outcome{Stage: StageFire}, NotActive, preflight.Fail},
		{"fire: lsm= has bpf, CONFIG_LSM not", append(known(m{factCmdline: "yama,bpf", "config.CONFIG_LSM": "yama", factFtrace: "0"}), unreadable(factActive)...), Outcome{Stage: StageFire}, FtraceDisabled, preflight.Fail},
		{"fire: nothing is known", nil, Outcome{Stage: StageFire}, NotActive, preflight.Fail},
		{"fire: an LSM denied before us", nil, Outcome{Stage: StageFire, Fire: Observation{Errno: "EACCES"}}, TriggerDenied, preflight.Unknown},
		{"fire: an older BPF program denied after us", nil, Outcome{Stage: StageFire, Fire: Observation{Errno: "EPERM", Seen: 1, Matched: 1}}, TriggerDenied, preflight.Unknown},
		{"fire: the sentinel is not known again", nil, Outcome{Stage: StageFire, Fire: Observation{Seen: 3}}, TriggerUnavailable, preflight.Unknown},
		{"fire: no sentinel", nil, Outcome{Stage: StageFire, NoSentinel: true, Errno: "ENOSYS", Err: "memfd_create"}, TriggerUnavailable, preflight.Unknown},
		{"fire: no descriptors left for it", nil, Outcome{Stage: StageFire, NoSentinel: true, Errno: "EMFILE", Err: "memfd_create"}, OutOfResources, preflight.Unknown},
		{"fire: no /proc", nil, Outcome{Stage: StageFire, Fire: Observation{Errno: "ENOENT"}}, TriggerUnavailable, preflight.Unknown},
		{"fire: counters cannot be read", nil, Outcome{Stage: StageFire, Errno: "EBADF", Err: "read"}, Internal, preflight.Unknown},

		{"enforce: denied as told", nil, Outcome{Stage: StageEnforce, Enforce: Observation{Errno: "EPERM", Seen: 1, Matched: 1}}, Enforced, preflight.Pass},
		{"enforce: opened all the same", nil, Outcome{Stage: StageEnforce, Enforce: Observation{Seen: 1, Matched: 1}}, NotEnforced, preflight.Fail},
		{"enforce: another file does not open", nil, Outcome{Stage: StageEnforce, Enforce: Observation{Errno: "EPERM", Matched: 1, OtherErrno: "EACCES"}}, TriggerDenied, preflight.Unknown},
		{"enforce: denied, not by us", nil, Outcome{Stage: StageEnforce, Enforce: Observation{Errno: "EPERM"}}, TriggerDenied, preflight.Unknown},
		{"enforce: denied with another errno", nil, Outcome{Stage: StageEnforce, Enforce: Observation{Errno: "EACCES", Matched: 1}}, TriggerDenied, preflight.Unknown},
		{"enforce: ftrace switched off meanwhile", known(m{factActive: "bpf", factFtrace: "0"}), Outcome{Stage: StageEnforce}, FtraceDisabled, preflight.Fail},
		{"enforce: descriptors ran out", nil, Outcome{Stage: StageEnforce, Enforce: Observation{Errno: "EPERM", Matched: 1, OtherErrno: "EMFILE"}}, OutOfResources, preflight.Unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Diagnose(tt.facts, tt.o)
			if got.Reason != tt.want || got.Status != tt.status {
				t.Errorf("got %v %v (%s), want %v %v", got.Status, got.Reason, got.Summary, tt.status, tt.want)
			}
		})
	}
}

// TestDiagnoseIsTotal walks every stage and errno, with all kinds of facts, and
// wants an answer that the table knows, and Enforced for nothing but the proof.
func TestDiagnoseIsTotal(t *testing.T) {
	errnos := []string{
		"", "EPERM", "ENOENT", "ESRCH", "E2BIG", "EBADF", "EAGAIN", "ENOMEM", "EACCES", "EBUSY", "ENODEV", "EINVAL",
		"ENFILE", "EMFILE", "ENOSPC", "ENOSYS", "EOPNOTSUPP", "ENOTSUPP", "ENOBUFS", "EDQUOT", "523",
	}
	values := map[string][]string{
		factRelease: {"5.4.0", "5.7.1", "5.10.0", "6.1.0", "6.12.0", "x"}, factArch: {"x86_64", "aarch64", "armv7l", "ppc64le", "vax"},
		factActive: {"", "bpf", "yama"}, factCmdline: {"", "bpf"}, factFtrace: {"0", "1", "?"}, factCaps: {"none", "CAP_BPF", "CAP_SYS_ADMIN"},
		factUserNS: {userNSInitial, userNSOther}, factSeccomp: {"0", "2"}, factMemlock: {"0", unlimited}, factGate: {"EINVAL", "EPERM"},
		factSocketFilter: {loads, "EPERM"}, factBTFHook: {"y", "n"}, factBTFDirect: {"y", "n"}, "config.CONFIG_BPF_LSM": {"y", "n"},
		"config.CONFIG_FUNCTION_TRACER": {"y", "n"}, "config.CONFIG_DEBUG_INFO_BTF": {"y", "n"}, "config.CONFIG_LSM": {"bpf", "yama"},
	}
	names := slices.Sorted(maps.Keys(values))
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(list []string) string { return list[random.IntN(len(list))] }
	someFacts := func() Facts {
		var f Facts
		for _, name := range names {
			switch random.IntN(3) {
			case 0:
				f = append(f, preflight.Fact{Name: name, Value: pick(values[name])})
			case 1:
				f = append(f, preflight.Fact{Name: name, Error: "unreadable"})
			}
		}
		return f
	}
	inTable := map[preflight.Reason]bool{}
	for _, info := range Reasons() {
		inTable[info.Reason] = true
	}

	for _, stage := range append(Stages(), "", "nonsense") {
		for _, errno := range errnos {
			for range 200 {
				o := Outcome{Stage: stage, Errno: errno, NoSentinel: random.IntN(4) == 0}
				if errno != "" {
					o.Err = "operation: " + errno
				}
				seen := Observation{Seen: random.Uint64N(2), Matched: random.Uint64N(2), Errno: pick(errnos), OtherErrno: pick(errnos)}
				o.Fire, o.Enforce = seen, seen
				f := someFacts()
				d := Diagnose(f, o)
				if !inTable[d.Reason] || d.Summary == "" {
					t.Fatalf("%+v: %+v", o, d)
				}
				proved := stage == StageEnforce && o.Err == "" && seen.Errno == "EPERM" && seen.Matched > 0 && seen.OtherErrno == ""
				if (d.Status == preflight.Pass) != proved {
					t.Fatalf("%+v: %+v", o, d)
				}
				if remedy(f, d).Commands == nil {
					t.Fatalf("%+v: nil commands", d)
				}
			}
		}
	}
}
