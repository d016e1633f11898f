package preflight

import (
	"context"
	"slices"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// host is a report that answers for some features.
func host(answers ...FeatureResult) Report {
	return newReport(Host{}, []Result{{Name: "fake", Features: answers}})
}

var (
	works  = FeatureResult{Feature: "lsm/file_open", Status: Pass, Reason: "Enforced"}
	broken = FeatureResult{Feature: "lsm.s/x", Status: Fail, Reason: "HookNotSleepable", Summary: "no", Remedy: Remedy{Summary: "mend", Commands: []string{"reboot"}}}
	hidden = FeatureResult{Feature: "lsm/y", Status: Unknown, Reason: "MissingCapability"}
)

func TestPlan(t *testing.T) {
	report := host(works, broken, hidden)
	for _, tt := range []struct {
		name   string
		p      Policy
		state  State
		reason Reason
		status Status // of the plan
	}{
		{"requires nothing", Policy{}, Enabled, "", Pass},
		{"all works", Policy{Requires: []Feature{"lsm/file_open"}}, Enabled, "", Pass},
		{"one fails", Policy{Requires: []Feature{"lsm/file_open", "lsm.s/x"}}, Disabled, "HookNotSleepable", Fail},
		{"unknown disables as fail does", Policy{Requires: []Feature{"lsm/y"}}, Disabled, "MissingCapability", Unknown},
		{"a failure is told before an open question", Policy{Requires: []Feature{"lsm/y", "lsm.s/x"}}, Disabled, "HookNotSleepable", Fail},
		{"fallback", Policy{Requires: []Feature{"lsm.s/x"}, Fallback: "audit"}, OnFallback, "HookNotSleepable", Fail},
		{"nobody answers", Policy{Requires: []Feature{"lsm/z"}}, Disabled, NotAnswered, Unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.p.Name = "p"
			plan := report.Plan([]Policy{tt.p})
			d := plan.Decisions[0]
			if d.State != tt.state || d.Reason != tt.reason || d.Policy != "p" {
				t.Errorf("got %+v", d)
			}
			if plan.Status() != tt.status {
				t.Errorf("plan is %v, want %v", plan.Status(), tt.status)
			}
			if (d.State == Enabled) != (len(d.Missing) == 0) || (d.State == Enabled) != slices.Contains(plan.Enabled(), "p") {
				t.Errorf("got %+v, enabled %v", d, plan.Enabled())
			}
			if (d.State == OnFallback) != (d.Fallback != "") {
				t.Errorf("fallback %q in the state %s", d.Fallback, d.State)
			}
			if d.Reason == "HookNotSleepable" && d.Remedy.Summary != "mend" {
				t.Errorf("remedy %+v", d.Remedy)
			}
		})
	}
}

func TestPlanAfterTimeout(t *testing.T) {
	report := newReport(Host{}, []Result{complete(Interrupted(context.DeadlineExceeded), "lsm", 0)})
	d := report.Plan([]Policy{{Name: "p", Requires: []Feature{"lsm/y"}}}).Decisions[0]
	if d.State != Disabled || d.Status != Unknown || d.Reason != TimedOut || d.Remedy.Summary == "" || d.Remedy.Commands == nil {
		t.Errorf("got %+v", d)
	}
}

func TestRequirements(t *testing.T) {
	got := Requirements([]Policy{{Requires: []Feature{"b", "a"}}, {Requires: []Feature{"a"}}, {}})
	if !slices.Equal(got, []Feature{"a", "b"}) {
		t.Errorf("got %v", got)
	}
}

func TestPlanLog(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	host(works, broken).Plan([]Policy{
		{Name: "on", Requires: []Feature{"lsm/file_open"}},
		{Name: "off", Requires: []Feature{"lsm.s/x", "lsm/z"}},
		{Name: "back", Requires: []Feature{"lsm.s/x"}, Fallback: "audit"},
	}).Log(zap.New(core))

	warned := logs.FilterLevelExact(zap.WarnLevel).All()
	if len(warned) != 2 || logs.Len() != 3 {
		t.Fatalf("%d warnings among %d lines", len(warned), logs.Len())
	}
	fields := warned[0].ContextMap()
	for name, want := range map[string]any{
		"policy": "off", "state": "disabled", "reason": "HookNotSleepable", "summary": "no", "remedy": "mend",
	} {
		if fields[name] != want {
			t.Errorf("%s is %v, want %v", name, fields[name], want)
		}
	}
	if features, _ := fields["features"].([]any); len(features) != 2 {
		t.Errorf("features %v", fields["features"])
	}
	if got := warned[1].ContextMap()["fallback"]; got != "audit" {
		t.Errorf("fallback %v", got)
	}
	sum := logs.FilterLevelExact(zap.InfoLevel).All()[0].ContextMap()
	if sum["enabled"] != int64(1) || sum["disabled"] != int64(1) || sum["fallback"] != int64(1) {
		t.Errorf("sum %v", sum)
	}
}

func TestReportLog(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	newReport(Host{}, []Result{
		{Name: "good", Status: Pass}, {Name: "bad", Status: Fail, Reason: "Why"}, {Name: "open"},
	}).Log(zap.New(core))
	if logs.FilterLevelExact(zap.InfoLevel).Len() != 1 || logs.FilterLevelExact(zap.WarnLevel).Len() != 2 {
		t.Errorf("lines %v", logs.All())
	}
	if logs.All()[1].ContextMap()["reason"] != "Why" {
		t.Errorf("line %v", logs.All()[1])
	}
}
