package lsm

import (
	"github.com/agent-preflight/agent-preflight/preflight"
)

// Names of facts. They are part of the JSON and do not change their meaning.
const (
	factRelease      = "kernel.release"               // uname -r
	factArch         = "kernel.arch"                  // uname -m
	factOSID         = "os.id"                        // ID, VARIANT_ID and ID_LIKE of os-release(5)
	factContainer    = "container"                    // the file that container engines leave in their containers
	factActive       = "lsm.active"                   // active LSMs, in order
	factCmdline      = "cmdline.lsm"                  // lsm= of the kernel command line
	factConfig       = "config"                       // whether the kernel's configuration could be read
	factFtrace       = "sysctl.kernel.ftrace_enabled" //
	factUnprivileged = "sysctl.unprivileged_bpf"      // kernel.unprivileged_bpf_disabled
	factLockdown     = "lockdown"                     // none, integrity, confidentiality
	factBTF          = "btf"                          // size in bytes of the kernel's BTF
	factSysfs        = "sysfs"                        // y where /sys/kernel is there
	factBTFHook      = "btf.bpf_lsm_file_open"        // y or n
	factBTFDirect    = "btf.register_ftrace_direct"   // y or n; y only with DYNAMIC_FTRACE_WITH_DIRECT_CALLS
	factCaps         = "process.capabilities"         // effective ones that matter
	factUserNS       = "process.user_namespace"       // initial or other
	factSeccomp      = "process.seccomp"              // 0 none, 1 strict, 2 filter
	factContext      = "process.lsm_context"          // AppArmor's or SELinux's word for this process
	factMemlock      = "process.memlock"              // RLIMIT_MEMLOCK, bytes or unlimited
	factGate         = "bpf.gate"                     // answer to bpf(2) with an unknown command
	factSocketFilter = "bpf.control_socket_filter"    // loads, or an errno
	factTracepoint   = "bpf.control_tracepoint"       // loads, or an errno
	factLog          = "loader.log"                   // what libbpf or the verifier wrote
	factError        = "loader.error"                 // the error that ended the stage
)

const configPrefix = "config."

// configOptions are the kernel options that decide; facts are named config.X.
var configOptions = []string{
	"CONFIG_BPF_SYSCALL",
	"CONFIG_BPF_LSM",
	"CONFIG_LSM",
	"CONFIG_DEBUG_INFO_BTF",
	"CONFIG_BPF_JIT",
	"CONFIG_FUNCTION_TRACER",
	"CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS",
}

// Values of facts that decisions are taken on.
const (
	loads         = "loads"
	userNSInitial = "initial"
	userNSOther   = "other"
	unlimited     = "unlimited"
	seccompFilter = "2"
)

// Facts is the evidence about a host. A fact that is missing was not asked for;
// one with an Error could not be established; neither is the same as "n".
type Facts []preflight.Fact

// value returns the value of a fact, if it is established.
func (f Facts) value(name string) (value string, known bool) {
	for _, fact := range f {
		if fact.Name == name {
			return fact.Value, fact.Error == ""
		}
	}
	return "", false
}

// is reports whether the fact is established and has the value.
func (f Facts) is(name, value string) bool {
	got, known := f.value(name)
	return known && got == value
}

// order is the list of LSMs that the kernel was told to use, and where that
// was read: the active list where it is known; else, as the kernel has it
// (security/security.c), lsm= of the command line before CONFIG_LSM.
func (f Facts) order() (list, source string, known bool) {
	for _, name := range []string{factActive, factCmdline, configPrefix + "CONFIG_LSM"} {
		if list, known := f.value(name); known {
			return list, name, true
		}
	}
	return "", "", false
}
