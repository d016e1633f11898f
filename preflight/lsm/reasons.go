package lsm

import "github.com/agent-preflight/agent-preflight/preflight"

// Reasons of the LSM check. Reasons is the table of what they mean.
const (
	Accepted           preflight.Reason = "Accepted"
	HookMissing        preflight.Reason = "HookMissing"
	HookRefused        preflight.Reason = "HookRefused"
	HookNotSleepable   preflight.Reason = "HookNotSleepable"
	HookNotForCgroups  preflight.Reason = "HookNotForCgroups"
	NoCgroupLSM        preflight.Reason = "NoCgroupLSM"
	Enforced           preflight.Reason = "Enforced"
	NotActive          preflight.Reason = "NotActive"
	FtraceDisabled     preflight.Reason = "FtraceDisabled"
	NotFiring          preflight.Reason = "NotFiring"
	NotEnforced        preflight.Reason = "NotEnforced"
	NotBuilt           preflight.Reason = "NotBuilt"
	KernelTooOld       preflight.Reason = "KernelTooOld"
	NoKernelBTF        preflight.Reason = "NoKernelBTF"
	NoTrampoline       preflight.Reason = "NoTrampoline"
	NoDirectCalls      preflight.Reason = "NoDirectCalls"
	NoJIT              preflight.Reason = "NoJIT"
	NoBPF              preflight.Reason = "NoBPF"
	HookBusy           preflight.Reason = "HookBusy"
	HookFull           preflight.Reason = "HookFull"
	MissingCapability  preflight.Reason = "MissingCapability"
	UserNamespace      preflight.Reason = "UserNamespace"
	DeniedByPolicy     preflight.Reason = "DeniedByPolicy"
	DeniedBySeccomp    preflight.Reason = "DeniedBySeccomp"
	DeniedByLSM        preflight.Reason = "DeniedByLSM"
	MemlockLimit       preflight.Reason = "MemlockLimit"
	OutOfResources     preflight.Reason = "OutOfResources"
	TriggerDenied      preflight.Reason = "TriggerDenied"
	TriggerUnavailable preflight.Reason = "TriggerUnavailable"
	Unsupported        preflight.Reason = "Unsupported"
	TimedOut                            = preflight.TimedOut
	Cancelled                           = preflight.Cancelled
	Internal                            = preflight.Internal
)

// ReasonInfo is a row of the table of reasons.
type ReasonInfo struct {
	Reason preflight.Reason
	// Status is the status that the reason comes with. HookBusy is Fail
	// instead where the facts show that the hook stays busy, and NoKernelBTF
	// Unknown where there is no /sys to look into.
	Status preflight.Status
	// Meaning is the summary of a result with this reason.
	Meaning string
	// Remedy says in general what to do, "" where nothing is wrong. A result
	// adds the commands for its host.
	Remedy string
}

// Reasons returns the table of reasons, in the order of docs/reasons.md.
func Reasons() []ReasonInfo { return append([]ReasonInfo(nil), reasons...) }

var reasons = []ReasonInfo{
	{Enforced, preflight.Pass,
		"a BPF LSM program on file_open fires and its denial is honoured", ""},
	{Accepted, preflight.Pass,
		"file_open is proved to work, and the verifier accepts a program on this hook, which was not attached", ""},

	{NotActive, preflight.Fail,
		"BPF LSM programs attach but never fire: bpf is not among the active LSMs",
		"Add bpf to the LSMs that the kernel activates at boot, and reboot."},
	{FtraceDisabled, preflight.Fail,
		"BPF LSM programs attach but never fire: ftrace is switched off (kernel.ftrace_enabled=0)",
		"Switch ftrace on, and see what switched it off: a sysctl.d file or a live-patching tool."},
	{NotFiring, preflight.Fail,
		"BPF LSM programs attach but never fire, although bpf is among the active LSMs and ftrace is on",
		"Please report it, with the facts: no known kernel does this."},
	{NotEnforced, preflight.Fail,
		"BPF LSM programs fire but their denial is not honoured",
		"Please report it, with the facts: no known kernel does this."},
	{NotBuilt, preflight.Fail,
		"this kernel is built without BPF LSM (CONFIG_BPF_LSM)",
		"Boot a kernel built with CONFIG_BPF_LSM=y, with bpf among its active LSMs."},
	{KernelTooOld, preflight.Fail,
		"this kernel is older than 5.7, the first with BPF LSM",
		"Boot a newer kernel: 5.7 or later on x86_64, 6.4 or later on arm64."},
	{NoKernelBTF, preflight.Fail,
		"this kernel offers no type information (BTF), which BPF LSM programs need",
		"Boot a kernel built with CONFIG_DEBUG_INFO_BTF=y, or mount sysfs on /sys where it is missing."},
	{NoTrampoline, preflight.Fail,
		"BPF programs cannot be attached to kernel functions on this architecture and kernel: there are no BPF trampolines",
		"Boot a newer kernel, if there is one for this architecture."},
	{NoDirectCalls, preflight.Fail,
		"BPF LSM programs cannot be attached: this kernel has no ftrace direct calls",
		"Boot a kernel with CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS=y. Changing lsm= does not help."},
	{NoJIT, preflight.Fail,
		"the kernel's BPF JIT compiler refuses the program, and this kernel has no interpreter",
		"Boot a kernel with a working BPF JIT for this machine."},
	{NoBPF, preflight.Fail,
		"this kernel has no bpf(2) system call (CONFIG_BPF_SYSCALL)",
		"Boot a kernel built with CONFIG_BPF_SYSCALL=y and CONFIG_BPF_LSM=y."},
	{HookMissing, preflight.Fail,
		"this kernel has no such hook",
		"See `agent-preflight hooks` for those that it has; a newer kernel may have it."},
	{HookRefused, preflight.Fail,
		"the verifier refuses programs on this hook",
		"Use another hook: the kernel disables some for BPF."},
	{HookNotSleepable, preflight.Fail,
		"this hook takes programs that do not sleep, and none that do",
		"Use lsm/ instead of lsm.s/, without helpers that sleep, or a newer kernel."},
	{HookNotForCgroups, preflight.Fail,
		"this hook takes no programs attached to a cgroup",
		"Use lsm/ and look at the cgroup in the program."},
	{NoCgroupLSM, preflight.Fail,
		"this kernel takes no LSM programs attached to a cgroup",
		"Boot kernel 6.0 or later, built with CONFIG_CGROUP_BPF=y, or use lsm/."},

	{HookBusy, preflight.Unknown,
		"file_open is held by another direct user of ftrace",
		"Find out who else patches bpf_lsm_file_open, a live patch or a tracer, and run the check without it."},
	{HookFull, preflight.Unknown,
		"as many programs are on file_open as the kernel allows",
		"List them with `bpftool prog show` and stop what is not needed."},
	{MissingCapability, preflight.Unknown,
		"this process lacks the capabilities to load BPF LSM programs",
		"Run as root, or with CAP_BPF and CAP_PERFMON (CAP_SYS_ADMIN before kernel 5.8)."},
	{UserNamespace, preflight.Unknown,
		"this process is in a user namespace, where capabilities do not extend to BPF LSM",
		"Run in the initial user namespace: no rootless container, no userns remapping."},
	{DeniedByPolicy, preflight.Unknown,
		"the kernel refuses LSM programs to this process, although it has the capabilities and other BPF programs load",
		"Ask whoever runs this host: a policy, such as a BPF LSM program or a patched kernel, forbids LSM programs."},
	{DeniedBySeccomp, preflight.Unknown,
		"a seccomp filter stops bpf(2)",
		"Allow bpf(2) in the seccomp profile of this container or service."},
	{DeniedByLSM, preflight.Unknown,
		"another LSM (SELinux, for example) refuses BPF to this process",
		"Allow it in that LSM's policy; its refusal is in the audit log."},
	{MemlockLimit, preflight.Unknown,
		"RLIMIT_MEMLOCK is too low for a BPF program on this kernel",
		"Raise the limit (LimitMEMLOCK=infinity in a systemd unit, ulimit -l unlimited in a shell)."},
	{OutOfResources, preflight.Unknown,
		"the kernel ran out of something: memory or file descriptors",
		"Free some, or raise the limit that was hit, and run the check again."},
	{TriggerDenied, preflight.Unknown,
		"something else refused to open the sentinel, so that nothing was learned about the hook",
		"Find out what denies this process to open its own anonymous files, and run the check without it."},
	{TriggerUnavailable, preflight.Unknown,
		"no sentinel could be made and opened, so that the hook was not put to the test",
		"Mount proc on /proc, and allow memfd_create(2) or a temporary directory."},
	{TimedOut, preflight.Unknown,
		"the check did not finish before its deadline",
		"Run it again with more time; where it never ends, look for a hung system call."},
	{Cancelled, preflight.Unknown,
		"the check was cancelled before it finished",
		"Run it again."},
	{Unsupported, preflight.Unknown,
		"BPF LSM is a feature of Linux",
		"Run the check on Linux."},
	{Internal, preflight.Unknown,
		"the check itself went wrong",
		"Please report it, with the facts."},
}

func reasonInfo(r preflight.Reason) ReasonInfo {
	for _, info := range reasons {
		if info.Reason == r {
			return info
		}
	}
	return reasonInfo(Internal)
}
