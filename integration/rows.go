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

// rows is the table of hosts.
var rows = []Row{
	{Name: "5.10 as shipped, bpf not in CONFIG_LSM", Kernel: "amd64-5.10", Want: notActive},
	{Name: "5.10, unprivileged user", Kernel: "amd64-5.10",
		Setup: job.Setup{UID: nobody}, Want: noCapability},
	{Name: "5.10, bpf in lsm=", Kernel: "amd64-5.10", Append: "lsm=lockdown,yama,bpf", Want: enforced},
	{Name: "6.1 as shipped", Kernel: "amd64-6.1", Want: enforced},
	{Name: "6.1, bpf not in lsm=", Kernel: "amd64-6.1", Append: "lsm=landlock,apparmor", Want: notActive},
	{Name: "6.12 as shipped", Kernel: "amd64-6.12", Want: enforced},
	{Name: "6.12, securityfs not mounted", Kernel: "amd64-6.12",
		Setup: job.Setup{Unmount: []string{"/sys/kernel/security"}}, Want: enforced},
	{Name: "6.12, ftrace switched off", Kernel: "amd64-6.12",
		Setup: job.Setup{Sysctl: map[string]string{"kernel/ftrace_enabled": "0"}}, Want: ftraceOff},
	{Name: "6.12, unprivileged user", Kernel: "amd64-6.12",
		Setup: job.Setup{UID: nobody}, Want: noCapability},
	{Name: "6.12, lockdown=confidentiality", Kernel: "amd64-6.12", Append: "lockdown=confidentiality", Want: enforced},
	{Name: "newest backport as shipped", Kernel: "amd64-newest", Want: enforced},

	{Name: "5.10, bpf in lsm=", Kernel: "arm64-5.10", Append: "lsm=lockdown,yama,bpf", Want: noTrampoline},
	{Name: "6.1 as shipped, bpf listed", Kernel: "arm64-6.1", Want: noDirectCalls},
	{Name: "6.12 as shipped", Kernel: "arm64-6.12", Want: enforced},
	{Name: "newest backport as shipped", Kernel: "arm64-newest", Want: enforced},
}

// Rows returns the table of hosts.
func Rows() []Row { return append([]Row(nil), rows...) }
