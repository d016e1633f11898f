package lsm

import "github.com/agent-preflight/agent-preflight/preflight"

// Stage is how far the proof got.
type Stage string

// The stages, in order. Attached programs of any other kind would be content
// with the first three.
const (
	StageOpen    Stage = "open"    // the embedded object is parsed
	StageLoad    Stage = "load"    // the kernel accepts the program
	StageAttach  Stage = "attach"  // the program is attached to file_open
	StageFire    Stage = "fire"    // opening the sentinel runs the program
	StageEnforce Stage = "enforce" // the program's denial is honoured
)

// Stages lists all stages in order.
func Stages() []Stage {
	return []Stage{StageOpen, StageLoad, StageAttach, StageFire, StageEnforce}
}

// before reports whether s comes earlier than other.
func (s Stage) before(other Stage) bool {
	for _, stage := range Stages() {
		if stage == other {
			return false
		}
		if stage == s {
			return true
		}
	}
	return false
}

// Outcome is what the probe saw. It is plain data, so that an outcome seen on
// one machine can be diagnosed on another.
type Outcome struct {
	Loader Loader `json:"loader"` // which library loaded the program
	Stage  Stage  `json:"stage"`  // the stage that failed, or enforce
	// Errno is the symbolic name of the errno that ended the stage, or "".
	Errno string `json:"errno"`
	// Err is the error that ended the stage, in the words of the loader, or "".
	Err string `json:"error"`
	// Log holds the lines that libbpf or the verifier wrote about it.
	Log []string `json:"log"`
	// NoSentinel says that the sentinel could not be made or opened by way of
	// /proc; Errno and Err say why. The hook was not put to the test.
	NoSentinel bool `json:"no_sentinel"`
	// Fire and Enforce are what was seen in those stages.
	Fire    Observation `json:"fire"`
	Enforce Observation `json:"enforce"`
	// Interrupted is TimedOut or Cancelled where the caller did not wait for
	// the stage to end.
	Interrupted preflight.Reason `json:"interrupted"`
}

// Observation is what opening the sentinel, and another file after it, did.
type Observation struct {
	Seen       uint64 `json:"seen"`        // runs of the program while the sentinel was opened, for any file
	Matched    uint64 `json:"matched"`     // those of them for the sentinel
	Errno      string `json:"errno"`       // of opening the sentinel, "" where it opened
	OtherErrno string `json:"other_errno"` // of opening another file, "" where it opened
}
