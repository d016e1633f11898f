package preflight

import "slices"

// Feature is something of the host that a policy needs, spelled as libbpf spells
// the section of the program: lsm/file_open, lsm.s/bprm_committed_creds,
// lsm_cgroup/socket_bind.
type Feature string

// FeatureResult is the answer of a check about one feature.
type FeatureResult struct {
	Feature Feature `json:"feature"`
	Status  Status  `json:"status"`
	Reason  Reason  `json:"reason"`
	Summary string  `json:"summary"`
	Remedy  Remedy  `json:"remedy"`
}

// Policy is something that an agent wants to enforce.
type Policy struct {
	Name     string    // unique among the agent's policies
	Requires []Feature // all of them; a policy that requires none is always enabled
	Fallback string    // what the agent does instead, in its own words; "" is nothing
}

// Requirements returns the features that any of the policies requires, sorted
// and each once, to ask a check for.
func Requirements(policies []Policy) []Feature {
	var features []Feature
	for _, p := range policies {
		features = append(features, p.Requires...)
	}
	slices.Sort(features)
	return slices.Compact(features)
}

// State is what becomes of a policy on a host.
type State string

const (
	Enabled    State = "enabled"  // all that it requires was seen to work
	OnFallback State = "fallback" // something does not, and the policy has a fallback
	Disabled   State = "disabled" // something does not, and there is none
)

// NotAnswered is the reason of a policy that requires a feature which no
// registered check knows of or was asked for.
const NotAnswered Reason = "NotAnswered"

// Decision is what the plan says about one policy.
type Decision struct {
	Policy   string          `json:"policy"`
	State    State           `json:"state"`
	Fallback string          `json:"fallback"` // the policy's, where the state is fallback
	Requires []Feature       `json:"requires"`
	Missing  []FeatureResult `json:"missing"` // those of Requires that are not known to work
	// Status, Reason, Summary and Remedy are those of the first missing
	// feature that fails, or else of the first missing one.
	Status  Status `json:"status"`
	Reason  Reason `json:"reason"`
	Summary string `json:"summary"`
	Remedy  Remedy `json:"remedy"`
}

// Plan is the decision for a set of policies, in the order in which they came.
type Plan struct {
	Decisions []Decision `json:"policies"`
}

// Plan decides which policies this host can enforce. What is unknown disables a
// policy exactly as what fails does: an agent that cannot know must not believe.
func (r Report) Plan(policies []Policy) Plan {
	answers := map[Feature]FeatureResult{}
	var interrupted *Result
	for i, c := range r.Checks {
		for _, f := range c.Features {
			answers[f.Feature] = f
		}
		if len(c.Features) == 0 && (c.Reason == TimedOut || c.Reason == Cancelled || c.Reason == Internal) {
			interrupted = &r.Checks[i]
		}
	}
	// A check that did not finish may be the one that would have answered.
	unanswered := func(f Feature) FeatureResult {
		if interrupted == nil {
			return notAnswered(f)
		}
		return FeatureResult{Feature: f, Reason: interrupted.Reason, Summary: interrupted.Summary, Remedy: interrupted.Remedy}
	}
	plan := Plan{Decisions: []Decision{}}
	for _, p := range policies {
		plan.Decisions = append(plan.Decisions, decide(p, answers, unanswered))
	}
	return plan
}

func decide(p Policy, answers map[Feature]FeatureResult, unanswered func(Feature) FeatureResult) Decision {
	d := Decision{
		Policy: p.Name, State: Enabled, Status: Pass,
		Requires: append([]Feature{}, p.Requires...), Missing: []FeatureResult{}, Remedy: Remedy{Commands: []string{}},
	}
	for _, feature := range p.Requires {
		answer, ok := answers[feature]
		if !ok {
			answer = unanswered(feature)
		}
		if answer.Status == Pass {
			continue
		}
		d.Missing = append(d.Missing, answer)
		if len(d.Missing) == 1 || d.Status != Fail && answer.Status == Fail {
			d.Status, d.Reason, d.Summary, d.Remedy = answer.Status, answer.Reason, answer.Summary, answer.Remedy
		}
	}
	if len(d.Missing) > 0 {
		d.State = Disabled
		if p.Fallback != "" {
			d.State, d.Fallback = OnFallback, p.Fallback
		}
	}
	return d
}

func notAnswered(f Feature) FeatureResult {
	return FeatureResult{
		Feature: f, Status: Unknown, Reason: NotAnswered,
		Summary: "no registered check answers for " + Printable(string(f)),
		Remedy: Remedy{
			Summary:  "Register a check that knows this feature, and ask it for it.",
			Commands: []string{},
		},
	}
}

// Enabled returns the names of the policies that are enabled, in order.
func (p Plan) Enabled() []string {
	var names []string
	for _, d := range p.Decisions {
		if d.State == Enabled {
			names = append(names, d.Policy)
		}
	}
	return names
}

// Status is Pass where all policies are enabled, Fail where every policy that
// is not is so for a proved failure, and Unknown otherwise.
func (p Plan) Status() Status {
	status := Pass
	for _, d := range p.Decisions {
		switch {
		case d.State == Enabled:
		case d.Status == Fail && status == Pass:
			status = Fail
		case d.Status != Fail:
			status = Unknown
		}
	}
	return status
}
