package lsm

import (
	"fmt"
	"strings"

	"github.com/agent-preflight/agent-preflight/preflight"
)

// Diagnosis is what an outcome means.
type Diagnosis struct {
	Reason  preflight.Reason
	Status  preflight.Status
	Summary string
}

// Diagnose tells the reason of an outcome. It is a pure function of what was
// seen and of the facts, and has an answer for any input. The outcome decides;
// facts tell causes apart that look alike, and where they are missing the
// commonest cause is named.
func Diagnose(facts Facts, o Outcome) Diagnosis {
	if o.Interrupted != "" {
		d := because(o.Interrupted)
		if o.Stage != "" {
			d.Summary += ", in the stage " + string(o.Stage)
		}
		return d
	}
	switch o.Stage {
	case StageLoad:
		return diagnoseLoad(facts, o)
	case StageAttach:
		return diagnoseAttach(facts, o)
	case StageFire:
		return diagnoseFire(facts, o)
	case StageEnforce:
		return diagnoseEnforce(facts, o)
	default: // open: our own object
		return internal(o)
	}
}

// because is the diagnosis that the table of reasons has for a reason; details
// are added to its summary in parentheses.
func because(r preflight.Reason, details ...string) Diagnosis {
	info := reasonInfo(r)
	d := Diagnosis{Reason: r, Status: info.Status, Summary: info.Meaning}
	if len(details) > 0 {
		d.Summary += " (" + strings.Join(details, "; ") + ")"
	}
	return d
}

func internal(o Outcome) Diagnosis {
	return because(Internal, fmt.Sprintf("stage %s: %s", o.Stage, preflight.Printable(firstLine(o.Err))))
}

// exhausted lists the errnos that speak of a lack, in any stage.
func exhausted(errno string) bool {
	switch errno {
	case "ENOMEM", "ENOSPC", "EMFILE", "ENFILE", "EAGAIN", "ENOBUFS", "EDQUOT":
		return true
	}
	return false
}

func diagnoseLoad(f Facts, o Outcome) Diagnosis {
	release, _ := f.value(factRelease)
	switch {
	case exhausted(o.Errno):
		return because(OutOfResources, o.Errno)
	case o.Errno == "ENOSYS":
		return diagnoseENOSYS(f)
	case o.Errno == "EPERM":
		return diagnoseEPERM(f)
	case o.Errno == "EACCES" && len(o.Log) > 0 && verifierSpoke(o.Log):
		return internal(o) // the verifier does not like our program
	case o.Errno == "EACCES":
		return because(DeniedByLSM, details(f, factContext)...)
	case o.Errno == "ENOTSUPP":
		return because(NoJIT) // kernel/bpf/core.c, bpf_prog_select_runtime
	}

	// What is left, ESRCH of the loader or EINVAL and others of the kernel, is
	// about the hook: it is not in this kernel, or not described.
	switch {
	case olderThan(release, 5, 7) && !f.is(factBTFHook, "y"): // some distributions backport
		return because(KernelTooOld, "it is "+release)
	case f.is(configPrefix+"CONFIG_BPF_LSM", "n"), f.is(factBTFHook, "n"):
		return because(NotBuilt, details(f, configPrefix+"CONFIG_BPF_LSM", factBTFHook)...)
	case f.is(configPrefix+"CONFIG_DEBUG_INFO_BTF", "n"), absent(f, factBTF) && !f.is(factSysfs, "n"):
		return because(NoKernelBTF)
	case absent(f, factBTF): // the kernel may well have it
		d := because(NoKernelBTF, "sysfs is not mounted on /sys here")
		d.Status = preflight.Unknown
		return d
	}
	return internal(o)
}

// verifierSpoke tells the verifier's log from libbpf's own complaints: it ends
// with a line of statistics (kernel/bpf/verifier.c, print_verification_stats).
func verifierSpoke(log []string) bool {
	for _, line := range log {
		if strings.HasPrefix(line, "processed ") {
			return true
		}
	}
	return false
}

// absent reports that the file of a fact does not exist, which is not the same
// as a file that cannot be read.
func absent(f Facts, name string) bool {
	for _, fact := range f {
		if fact.Name == name {
			return fact.Error == notExist
		}
	}
	return false
}

// details renders the established ones of some facts.
func details(f Facts, names ...string) []string {
	var list []string
	for _, name := range names {
		if value, known := f.value(name); known && value != "" {
			list = append(list, strings.TrimPrefix(name, configPrefix)+" is "+value)
		}
	}
	return list
}

func diagnoseENOSYS(f Facts) Diagnosis {
	if f.is(configPrefix+"CONFIG_BPF_SYSCALL", "n") || f.is(factSeccomp, "0") {
		return because(NoBPF)
	}
	return because(DeniedBySeccomp, "bpf(2) answers ENOSYS")
}

// diagnoseEPERM tells apart the many things that answer EPERM to loading, most
// certain first.
func diagnoseEPERM(f Facts) Diagnosis {
	if f.is(factUserNS, userNSOther) {
		return because(UserNamespace)
	}
	if lacking := missingCapabilities(f); lacking != "" {
		return because(MissingCapability, "missing: "+lacking)
	}
	if f.is(factSocketFilter, loads) && !f.is(factTracepoint, "EPERM") {
		// BPF is open to this process, and so is what needs CAP_PERFMON.
		return because(DeniedByPolicy)
	}
	if f.is(factSeccomp, seccompFilter) && f.is(factGate, "EPERM") {
		return because(DeniedBySeccomp, "it answers EPERM")
	}
	release, _ := f.value(factRelease)
	if limit, known := f.value(factMemlock); olderThan(release, 5, 11) && known && limit != unlimited {
		return because(MemlockLimit, "it is "+limit+" bytes")
	}
	if f.is(factSeccomp, seccompFilter) {
		return because(DeniedBySeccomp, "it answers EPERM")
	}
	if _, known := f.value(factCaps); !known {
		return because(MissingCapability, "which it has could not be read")
	}
	d := because(DeniedByPolicy)
	d.Summary = "the kernel refuses BPF programs to this process, although it has the capabilities"
	return d
}

// missingCapabilities names what this process lacks to load LSM programs:
// CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN, which stands for both and is the
// only one before kernel 5.8 (a17b53c4a4b5). "" if nothing, or if it is not known.
func missingCapabilities(f Facts) string {
	caps, known := f.value(factCaps)
	if !known || listed(caps, "CAP_SYS_ADMIN") {
		return ""
	}
	release, _ := f.value(factRelease)
	if olderThan(release, 5, 8) {
		return "CAP_SYS_ADMIN"
	}
	var lacking []string
	for _, name := range []string{"CAP_BPF", "CAP_PERFMON"} {
		if !listed(caps, name) {
			lacking = append(lacking, name)
		}
	}
	return strings.Join(lacking, ", ")
}

func diagnoseAttach(f Facts, o Outcome) Diagnosis {
	switch {
	case exhausted(o.Errno):
		return because(OutOfResources, o.Errno)
	case o.Errno == "ENOTSUPP":
		return diagnoseENOTSUPP(f)
	case o.Errno == "E2BIG":
		return because(HookFull)
	case o.Errno == "EBUSY":
		d := because(HookBusy)
		if f.is(configPrefix+"CONFIG_FUNCTION_TRACER", "n") {
			// x86 patches the function itself and finds no ftrace site there.
			d.Status = preflight.Fail
			d.Summary = "BPF LSM programs cannot be attached: this kernel is built without CONFIG_FUNCTION_TRACER"
		}
		return d
	case o.Errno == "EPERM", o.Errno == "EACCES":
		return because(DeniedByPolicy, "it loads and may not be attached")
	}
	return internal(o)
}

// diagnoseENOTSUPP tells the two causes apart for which attaching ends with the
// kernel's ENOTSUPP. The kernel's own words decide where they can be had: its
// configuration, or a function in its BTF that exists only with direct calls.
func diagnoseENOTSUPP(f Facts) Diagnosis {
	option := configPrefix + "CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS"
	if f.is(option, "y") || f.is(factBTFDirect, "y") {
		return because(NoTrampoline)
	}
	machine, _ := f.value(factArch)
	release, _ := f.value(factRelease)
	if arch, known := architectures[machine]; known && (arch.never() || arch.trampoline.after(release)) {
		return because(NoTrampoline, details(f, factArch, factRelease)...)
	}
	return because(NoDirectCalls, details(f, option, factBTFDirect)...)
}

func diagnoseFire(f Facts, o Outcome) Diagnosis {
	seen := o.Fire
	switch {
	case exhausted(o.Errno), exhausted(seen.Errno):
		return because(OutOfResources, o.Errno+seen.Errno)
	case o.NoSentinel:
		return because(TriggerUnavailable, preflight.Printable(firstLine(o.Err)))
	case o.Err != "":
		return internal(o) // the program's map could not be read
	case seen.Errno == "EPERM", seen.Errno == "EACCES":
		return because(TriggerDenied, seen.Errno)
	case seen.Errno != "":
		return because(TriggerUnavailable, "opening it through /proc/self/fd: "+seen.Errno)
	case seen.Seen > 0:
		return because(TriggerUnavailable, "the program runs, but does not know the sentinel by its inode and device")
	}
	return diagnoseSilence(f)
}

// diagnoseSilence says why an attached program does not run. The trampoline is
// patched into the function bpf_lsm_file_open: it is not called where bpf is
// not active, and the call is not patched in where ftrace is off.
func diagnoseSilence(f Facts) Diagnosis {
	list, source, known := f.order()
	switch {
	case known && !listed(list, "bpf"):
		return because(NotActive, fmt.Sprintf("%s is %q", strings.TrimPrefix(source, configPrefix), list))
	case f.is(factFtrace, "0"):
		return because(FtraceDisabled)
	case known && f.is(factFtrace, "1"):
		return because(NotFiring)
	case known:
		return because(FtraceDisabled, "presumably: the setting could not be read")
	}
	return because(NotActive, "the list could not be read")
}

func diagnoseEnforce(f Facts, o Outcome) Diagnosis {
	seen := o.Enforce
	switch {
	case o.Err != "":
		return internal(o)
	case exhausted(seen.Errno), exhausted(seen.OtherErrno):
		return because(OutOfResources, seen.Errno+seen.OtherErrno)
	case seen.Errno == "EPERM" && seen.Matched > 0 && seen.OtherErrno == "":
		return because(Enforced)
	case seen.OtherErrno != "":
		return because(TriggerDenied, "an unrelated file did not open: "+seen.OtherErrno)
	case seen.Errno != "":
		return because(TriggerDenied, "the sentinel did not open: "+seen.Errno)
	case seen.Matched == 0:
		return diagnoseSilence(f) // it fired a moment ago
	}
	return because(NotEnforced)
}
