package integration

import (
	"github.com/agent-preflight/agent-preflight/integration/job"
	"github.com/agent-preflight/agent-preflight/preflight"
	"github.com/agent-preflight/agent-preflight/preflight/lsm"
)

// Row is a host and what the check must answer on it.
type Row struct {
	Name   string // the host's situation
	Kernel string // a key of the table of kernels
	Append string // kernel parameters
	Setup  job.Setup
	Want   Want
	Agent  AgentWant // what the host agent makes of it; the zero value is not asked
	Hooks  HooksWant // what the table of hooks holds; likewise

	MemoryMB int // of the machine; 0 is the runner's default

	// Image and Arch stand in for Kernel where the image was given by path.
	Image string
	Arch  string
}

// Want is the expected answer.
type Want struct {
	Status preflight.Status `json:"status"`
	Stage  lsm.Stage        `json:"stage"`
	Reason preflight.Reason `json:"reason"`
}

// AgentWant is what the host agent must do on a host. Its policies are audit,
// which needs no LSM, and block and creds, which do.
type AgentWant struct {
	Enabled []string         // policies in force
	Reason  preflight.Reason // of those that are not
	Idle    bool             // it ends by its own rule: nothing could be attached
}

// HooksWant are cells that tell kernels apart, checked beside the whole table.
type HooksWant struct {
	Cells map[string]lsm.Hook
}

// nobody is a user without privileges.
const nobody = 65534

var (
	enforced      = Want{preflight.Pass, lsm.StageEnforce, lsm.Enforced}
	notActive     = Want{preflight.Fail, lsm.StageFire, lsm.NotActive}
	ftraceOff     = Want{preflight.Fail, lsm.StageFire, lsm.FtraceDisabled}
	noDirectCalls = Want{preflight.Fail, lsm.StageAttach, lsm.NoDirectCalls}
	noTrampoline  = Want{preflight.Fail, lsm.StageAttach, lsm.NoTrampoline}
	noCapability  = Want{preflight.Unknown, lsm.StageLoad, lsm.MissingCapability}
)

var (
	agentAll     = AgentWant{Enabled: []string{"audit", "block", "creds"}}
	agentOff     = AgentWant{Enabled: []string{"audit"}, Reason: lsm.NotActive}
	agentNoCalls = AgentWant{Enabled: []string{"audit"}, Reason: lsm.NoDirectCalls}
	// audit is enabled, for it needs nothing of LSM, and cannot be attached
	// without capabilities either.
	agentIdle = AgentWant{Enabled: []string{"audit"}, Reason: lsm.MissingCapability, Idle: true}
)

// hooks510 and hooks612 are cells that differ between the kernels: 5.10 takes
// sleepable programs on one hook only (btf_sleepable_lsm_hooks in its
// kernel/bpf/verifier.c) and none attached to a cgroup, which came with 6.0.
var (
	hooks510 = HooksWant{map[string]lsm.Hook{
		"file_open":            {Name: "file_open", MAC: "y", Sleepable: "HookNotSleepable", Cgroup: "NoCgroupLSM"},
		"socket_bind":          {Name: "socket_bind", MAC: "y", Sleepable: "HookNotSleepable", Cgroup: "NoCgroupLSM"},
		"bprm_committed_creds": {Name: "bprm_committed_creds", MAC: "y", Sleepable: "y", Cgroup: "NoCgroupLSM"},
		"task_free":            {Name: "task_free", MAC: "y", Sleepable: "HookNotSleepable", Cgroup: "NoCgroupLSM"},
	}}
	hooks612 = HooksWant{map[string]lsm.Hook{
		"file_open":            {Name: "file_open", MAC: "y", Sleepable: "y", Cgroup: "y"},
		"socket_bind":          {Name: "socket_bind", MAC: "y", Sleepable: "y", Cgroup: "y"},
		"bprm_committed_creds": {Name: "bprm_committed_creds", MAC: "y", Sleepable: "y", Cgroup: "y"},
		"task_free":            {Name: "task_free", MAC: "y", Sleepable: "HookNotSleepable", Cgroup: "y"},
	}}
)

// rows is the table of hosts.
var rows = []Row{
	{Name: "5.10 as shipped, bpf not in CONFIG_LSM", Kernel: "amd64-5.10", Want: notActive,
		Agent: agentOff},
	{Name: "5.10, unprivileged user", Kernel: "amd64-5.10",
		Setup: job.Setup{UID: nobody}, Want: noCapability},
	{Name: "5.10, bpf in lsm=", Kernel: "amd64-5.10", Append: "lsm=lockdown,yama,bpf", Want: enforced,
		Hooks: hooks510},
	{Name: "6.1 as shipped", Kernel: "amd64-6.1", Want: enforced},
	{Name: "6.1, bpf not in lsm=", Kernel: "amd64-6.1", Append: "lsm=landlock,apparmor", Want: notActive},
	{Name: "6.12 as shipped", Kernel: "amd64-6.12", Want: enforced,
		Agent: agentAll, Hooks: hooks612},
	{Name: "6.12, securityfs not mounted", Kernel: "amd64-6.12",
		Setup: job.Setup{Unmount: []string{"/sys/kernel/security"}}, Want: enforced},
	{Name: "6.12, ftrace switched off", Kernel: "amd64-6.12",
		Setup: job.Setup{Sysctl: map[string]string{"kernel/ftrace_enabled": "0"}}, Want: ftraceOff},
	{Name: "6.12, unprivileged user", Kernel: "amd64-6.12",
		Setup: job.Setup{UID: nobody}, Want: noCapability, Agent: agentIdle},
	{Name: "6.12, lockdown=confidentiality", Kernel: "amd64-6.12", Append: "lockdown=confidentiality", Want: enforced},
	{Name: "newest backport as shipped", Kernel: "amd64-newest", Want: enforced},

	{Name: "5.10, bpf in lsm=", Kernel: "arm64-5.10", Append: "lsm=lockdown,yama,bpf", Want: noTrampoline},
	{Name: "6.1 as shipped, bpf listed", Kernel: "arm64-6.1", Want: noDirectCalls,
		Agent: agentNoCalls},
	{Name: "6.12 as shipped", Kernel: "arm64-6.12", Want: enforced,
		Agent: agentAll},
	{Name: "newest backport as shipped", Kernel: "arm64-newest", Want: enforced},
}

// Rows returns the table of hosts.
func Rows() []Row { return append([]Row(nil), rows...) }
