package preflight

// Reason is a stable CamelCase code for an outcome, as in the conditions of
// Kubernetes. Checks define their own; those below can come from any check.
type Reason string

const (
	// TimedOut: the deadline passed before the check had an answer.
	TimedOut Reason = "TimedOut"
	// Cancelled: the caller's context was cancelled before the check had an answer.
	Cancelled Reason = "Cancelled"
	// Internal: the check itself went wrong; the host was not found out about.
	Internal Reason = "Internal"
)

const docBase = "https://github.com/agent-preflight/agent-preflight/blob/main/docs/reasons.md#"

// Doc returns the address of the documentation of r.
func (r Reason) Doc() string { return docBase + r.Anchor() }

// Anchor returns the heading of r in docs/reasons.md as a URL fragment.
func (r Reason) Anchor() string {
	anchor := []byte(r)
	for i, c := range anchor {
		if 'A' <= c && c <= 'Z' {
			anchor[i] = c + ('a' - 'A')
		}
	}
	return string(anchor)
}

// Result is what a check found out. It is plain data: its JSON form is part of
// schema 1, described in docs/schema.json.
type Result struct {
	Name      string  `json:"name"`       // of the check
	Status    Status  `json:"status"`     //
	Reason    Reason  `json:"reason"`     // why, as a code
	Stage     string  `json:"stage"`      // how far the check got; the words are the check's own
	Errno     string  `json:"errno"`      // symbolic name of the errno that ended the stage, or ""
	Loader    string  `json:"loader"`     // which implementation was used, or ""
	Summary   string  `json:"summary"`    // why, as one sentence
	Facts     []Fact  `json:"facts"`      // the evidence; gathered only where the check did not pass
	Remedy    Remedy  `json:"remedy"`     // what to do about it
	Doc       string  `json:"doc"`        // address of the reason's documentation
	ElapsedMS float64 `json:"elapsed_ms"` // milliseconds from the start of the check to its verdict

	Features []FeatureResult `json:"features,omitempty"` // answers to what the check was asked for
}

// Fact is one piece of evidence. Where Error is set the fact could not be
// established and Value means nothing; a file that does not exist is such an
// error, and not the same as a value of "n" or "0".
type Fact struct {
	Name   string `json:"name"`   // stable, lower case with dots, for example "lsm.active"
	Value  string `json:"value"`  // as the source gives it, shortened to what matters
	Source string `json:"source"` // the file or system call that it came from
	Error  string `json:"error"`  // why it could not be established, or ""
}

// Remedy is what an administrator can do about an outcome on this host.
type Remedy struct {
	Summary  string   `json:"summary"`  // one or two sentences, or "" where nothing needs doing
	Commands []string `json:"commands"` // to be run as they are, in this order
}
