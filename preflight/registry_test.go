package preflight

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"
)

// fakeCheck answers with a result, after doing something.
type fakeCheck struct {
	name   string
	result Result
	do     func(context.Context)
}

func (c fakeCheck) Name() string { return c.name }

func (c fakeCheck) Run(ctx context.Context) Result {
	if c.do != nil {
		c.do(ctx)
	}
	return c.result
}

func TestRegisterRefuses(t *testing.T) {
	for name, c := range map[string]Check{
		"nil":          nil,
		"no name":      fakeCheck{},
		"a name twice": fakeCheck{name: "a"},
	} {
		r, err := NewRegistry(fakeCheck{name: "a"})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Register(c); err == nil {
			t.Errorf("%s: no error", name)
		}
		if got := r.Names(); len(got) != 1 {
			t.Errorf("%s: registered all the same: %v", name, got)
		}
	}
	if _, err := NewRegistry(fakeCheck{name: "a"}, fakeCheck{name: "a"}); err == nil || !strings.Contains(err.Error(), `"a"`) {
		t.Errorf("NewRegistry with a name twice: %v", err)
	}
}

func TestRun(t *testing.T) {
	pass := Result{Status: Pass, Reason: "Fine"}
	hang := func(context.Context) { select {} }
	for _, tt := range []struct {
		name   string
		checks []Check
		want   Status
		reason Reason // of the first check
	}{
		{"no checks", nil, Unknown, ""},
		{"all pass", []Check{fakeCheck{name: "a", result: pass}, fakeCheck{name: "b", result: pass}}, Pass, "Fine"},
		{"one fails", []Check{fakeCheck{name: "a", result: pass}, fakeCheck{name: "b", result: Result{Status: Fail}}}, Fail, "Fine"},
		{"one unknown", []Check{fakeCheck{name: "a", result: pass}, fakeCheck{name: "b"}}, Unknown, "Fine"},
		{"fail and unknown", []Check{fakeCheck{name: "a", result: Result{Status: Fail}}, fakeCheck{name: "b"}}, Fail, ""},
		{"a check panics", []Check{fakeCheck{name: "a", result: pass, do: func(context.Context) { panic("boom") }}}, Unknown, Internal},
		{"a check ignores its deadline", []Check{fakeCheck{name: "a", result: pass, do: hang}}, Unknown, TimedOut},
		{"a check heeds its deadline", []Check{fakeCheck{name: "a", result: Result{Reason: "Own"}, do: func(ctx context.Context) { <-ctx.Done() }}}, Unknown, "Own"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := NewRegistry(tt.checks...)
			if err != nil {
				t.Fatal(err)
			}
			r.SetTimeout(200 * time.Millisecond)
			report := r.Run(t.Context())
			if report.Status != tt.want {
				t.Errorf("status %v, want %v", report.Status, tt.want)
			}
			if len(report.Checks) != len(tt.checks) {
				t.Fatalf("%d results of %d checks", len(report.Checks), len(tt.checks))
			}
			for i, c := range report.Checks {
				if c.Name != tt.checks[i].Name() {
					t.Errorf("result %d is of %q", i, c.Name)
				}
			}
			if len(report.Checks) > 0 && report.Checks[0].Reason != tt.reason {
				t.Errorf("reason %q, want %q", report.Checks[0].Reason, tt.reason)
			}
			raw, err := json.Marshal(report)
			if err != nil || strings.Contains(string(raw), "null") {
				t.Errorf("JSON: %v\n%s", err, raw)
			}
		})
	}
}

func TestRunCancelled(t *testing.T) {
	r, err := NewRegistry(fakeCheck{name: "a", do: func(context.Context) { select {} }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := r.Run(ctx).Checks[0]; got.Status != Unknown || got.Reason != Cancelled {
		t.Errorf("got %v %v", got.Status, got.Reason)
	}
}

func TestRunConcurrently(t *testing.T) {
	r, err := NewRegistry(fakeCheck{name: "a", result: Result{Status: Pass}})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if got := r.Run(t.Context()).Status; got != Pass {
				t.Error(got)
			}
		})
	}
	wg.Wait()
}

func TestStatusText(t *testing.T) {
	var zero Status
	if zero != Unknown {
		t.Error("the zero value is not Unknown")
	}
	for _, s := range []Status{Unknown, Pass, Fail} {
		text, err := s.MarshalText()
		var back Status
		if err != nil || string(text) != s.String() || back.UnmarshalText(text) != nil || back != s {
			t.Errorf("%v: %q, %v, back as %v", s, text, err, back)
		}
		if s.Conclusive() != (s != Unknown) {
			t.Errorf("%v: Conclusive is %v", s, s.Conclusive())
		}
	}
	for _, s := range []Status{-1, Fail + 1} {
		if _, err := s.MarshalText(); err == nil {
			t.Errorf("%v: no error", s)
		}
	}
	if err := zero.UnmarshalText([]byte("passed")); err == nil {
		t.Error("unmarshal passed: no error")
	}
}

func TestDistribution(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	for _, tt := range []struct {
		name string
		root fstest.MapFS
		want string
	}{
		{"Debian", fstest.MapFS{"etc/os-release": file("NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n")}, "Debian GNU/Linux 12 (bookworm)"},
		{"only the vendor's file", fstest.MapFS{"usr/lib/os-release": file("PRETTY_NAME=Flatcar\n")}, "Flatcar"},
		{"none", fstest.MapFS{}, ""},
		{"hostile", fstest.MapFS{"etc/os-release": file("PRETTY_NAME=\"a\x1b[2Jb\"\n")}, "a\uFFFD[2Jb"},
	} {
		if got := distribution(tt.root); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
