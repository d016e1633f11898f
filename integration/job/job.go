// Package job is what the host and the guest of a test say to each other: the
// host puts a Job into the initramfs, the guest's init writes a Report to the
// console.
package job

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/agent-preflight/agent-preflight/preflight"
)

// Path is where the guest's init finds its Job.
const Path = "/job.json"

// Job is a list of commands to run one after the other in one boot.
type Job struct {
	Runs []Run `json:"runs"`
}

// Run is a command and the state of the host that it meets.
type Run struct {
	Name    string        `json:"name"`
	Argv    []string      `json:"argv"`
	Setup   Setup         `json:"setup"`
	Timeout time.Duration `json:"timeout"` // 0 is three minutes
	Kill    Kill          `json:"kill"`
}

// Setup is a fault, or several, applied before the command. Views and
// privileges are the command's alone; settings of the kernel are put back
// after it.
type Setup struct {
	Sysctl  map[string]string `json:"sysctl"`  // file below /proc/sys -> value
	Unmount []string          `json:"unmount"` // mount points that the command does not see
	UID     int               `json:"uid"`     // run as this user, without capabilities
	Rlimits map[int]uint64    `json:"rlimits"` // RLIMIT_* -> soft and hard limit
	Drop    []int             `json:"drop"`    // capabilities to drop, by number
	Keep    []int             `json:"keep"`    // with UID: capabilities to keep, by number
}

// IsZero reports whether there is nothing to set up for the command itself.
func (s Setup) IsZero() bool {
	return len(s.Unmount) == 0 && s.UID == 0 && len(s.Rlimits) == 0 && len(s.Drop) == 0
}

// Kill ends the command with SIGKILL while it is stopped at a system call.
type Kill struct {
	// Trace lists the bpf(2) calls of the command instead of killing it.
	Trace bool `json:"trace"`
	// BPFCall kills on return from this bpf(2) call, counted from 1; 0 is never.
	BPFCall int `json:"bpf_call"`
}

// Result is what came of a Run.
type Result struct {
	Name     string   `json:"name"`
	ExitCode int      `json:"exit_code"` // -1 where a signal ended it
	Signal   string   `json:"signal"`
	Error    string   `json:"error"` // it could not be run
	Stdout   string   `json:"stdout"`
	Stderr   string   `json:"stderr"`
	BPFCalls []string `json:"bpf_calls"` // with Kill: the commands of bpf(2), in order
	// FirstOutput and Elapsed are the guest's time from the start of the
	// command to its first output and to its end.
	FirstOutput time.Duration `json:"first_output"`
	Elapsed     time.Duration `json:"elapsed"`
	PeakKB      int64         `json:"peak_kb"` // VmHWM
	// Leftovers is what the host has more, or less, than before the run.
	Leftovers []string `json:"leftovers"`
}

// Report is what the guest writes when all is done.
type Report struct {
	Kernel  string   `json:"kernel"`
	Results []Result `json:"results"`
	Error   string   `json:"error"`
}

const (
	begin = "\n<<<preflight-report "
	end   = " preflight-report>>>" // what follows may not leave the serial line before power-off
)

// Encode renders a report as one line that survives a serial console.
func Encode(r Report) ([]byte, error) {
	raw, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	return []byte(begin + base64.StdEncoding.EncodeToString(raw) + end + "\n"), nil
}

// Decode finds the report in what a console printed.
func Decode(console []byte) (Report, error) {
	console = bytes.ReplaceAll(console, []byte("\r"), nil)
	_, rest, ok := bytes.Cut(console, []byte(begin))
	line, _, closed := bytes.Cut(rest, []byte(end))
	if !ok || !closed {
		return Report{}, fmt.Errorf("the guest wrote no report")
	}
	raw, err := base64.StdEncoding.DecodeString(string(line))
	if err != nil {
		return Report{}, fmt.Errorf("the guest's report: %w", err)
	}
	var r Report
	if err := json.Unmarshal(raw, &r); err != nil {
		return Report{}, fmt.Errorf("the guest's report: %w", err)
	}
	return r, nil
}

// Drill is what the drill of the host agent saw.
type Drill struct {
	Secret   string          `json:"secret"` // errno of a stranger opening the blocked file
	Public   string          `json:"public"` // and of opening another
	ExitCode int             `json:"exit_code"`
	Log      string          `json:"log"`
	State    json.RawMessage `json:"state"`
}

// Soak is what many checks in one process came to.
type Soak struct {
	Reasons     map[preflight.Reason]int `json:"reasons"` // how often each was answered
	Before      Figures                  `json:"before"`
	AfterRow    Figures                  `json:"after_row"`     // after checks one after the other
	AfterAtOnce Figures                  `json:"after_at_once"` // and after checks at once
}

// Figures are what a process can let grow.
type Figures struct {
	Descriptors int `json:"descriptors"`
	Goroutines  int `json:"goroutines"`
	HeapKB      int `json:"heap_kb"`
	ResidentKB  int `json:"resident_kb"`

	Memlock uint64 `json:"memlock"` // RLIMIT_MEMLOCK, soft, bytes
}
