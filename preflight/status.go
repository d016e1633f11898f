package preflight

import "fmt"

// Status is the answer of a check. The zero value is Unknown.
type Status int8

const (
	// Unknown: it could not be found out, for example for lack of privilege or time.
	Unknown Status = iota
	// Pass: it was seen to work.
	Pass
	// Fail: it was seen not to work on this boot of this host.
	Fail
)

var statusNames = [...]string{Unknown: "unknown", Pass: "pass", Fail: "fail"}

// String returns the lower-case word that stands for s in JSON.
func (s Status) String() string {
	if s < 0 || int(s) >= len(statusNames) {
		return fmt.Sprintf("Status(%d)", int8(s))
	}
	return statusNames[s]
}

// Conclusive reports whether the question was answered.
func (s Status) Conclusive() bool { return s == Pass || s == Fail }

// MarshalText writes the word for s. A value that is none of the constants is
// an error.
func (s Status) MarshalText() ([]byte, error) {
	if s < 0 || int(s) >= len(statusNames) {
		return nil, fmt.Errorf("marshal status: no such value: %d", int8(s))
	}
	return []byte(statusNames[s]), nil
}

// UnmarshalText is the inverse of MarshalText.
func (s *Status) UnmarshalText(text []byte) error {
	for i, name := range statusNames {
		if string(text) == name {
			*s = Status(i)
			return nil
		}
	}
	return fmt.Errorf("unmarshal status: %q is none of pass, fail, unknown", text)
}

// worst is the status of several checks together: a proved failure weighs more
// than an open question, and no answer at all is an open question.
func worst(statuses ...Status) Status {
	if len(statuses) == 0 {
		return Unknown
	}
	all := Pass
	for _, s := range statuses {
		switch s {
		case Pass:
		case Fail:
			return Fail
		default:
			all = Unknown
		}
	}
	return all
}
