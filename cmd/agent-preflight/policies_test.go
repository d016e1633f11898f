package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/agent-preflight/agent-preflight/preflight"
	"github.com/agent-preflight/agent-preflight/preflight/lsm/bpf"
)

func TestParsePolicies(t *testing.T) {
	got, err := parsePolicies([]byte("policies:\n- name: a\n  requires: [lsm/file_open, lsm.s/x]\n  fallback: audit\n- name: b\n"))
	if err != nil || len(got) != 2 || len(got[0].Requires) != 2 || got[0].Fallback != "audit" || got[1].Name != "b" {
		t.Errorf("YAML: %+v, %v", got, err)
	}
	got, err = parsePolicies([]byte(`{"policies": [{"name": "a", "requires": ["lsm/file_open"]}]}`))
	if err != nil || len(got) != 1 || got[0].Requires[0] != "lsm/file_open" {
		t.Errorf("JSON: %+v, %v", got, err)
	}
	for text, want := range map[string]string{
		"":                                       "empty",
		"policies: []":                           "no policies",
		"policies:\n- name: a\n  require: [x]\n": "line 3",
		"policies:\n- requires: [x]\n":           "policies[0]",
		"policies:\n- name: a\n  requires: ['']": "requires[0]",
		"policies: 7":                            "line 1",
		"a: b: c":                                "mapping",
		"policies:\n- name: a\n---\npolicies: []": "more than one",
		"\x00":        "",
		"- &a [*a,*a": "",
	} {
		if _, err := parsePolicies([]byte(text)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestReadPolicies(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	object := write("block.bpf.o", bpf.Object)
	list := write("list.yaml", []byte("policies:\n- name: other\n"))
	if got, err := readPolicies([]string{"testdata/policies.json"}); err != nil || len(got) != 3 {
		t.Errorf("JSON: %+v, %v", got, err)
	}
	got, err := readPolicies([]string{object, list})
	if err != nil || len(got) != 2 || got[0].Name != "block" || got[0].Requires[0] != "lsm/file_open" {
		t.Errorf("%+v, %v", got, err)
	}
	for name, files := range map[string][]string{
		"a name twice":     {object, write("twice.yaml", []byte("policies:\n- name: block\n"))},
		"truncated object": {write("cut.bpf.o", bpf.Object[:100])},
		"no object":        {write("text.o", []byte("policies:\n- name: a\n"))},
		"directory":        {dir},
	} {
		if _, err := readPolicies(files); err == nil || !strings.Contains(err.Error(), filepath.Base(files[len(files)-1])) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPlanText(t *testing.T) {
	report := preflight.Report{Checks: []preflight.Result{{Features: []preflight.FeatureResult{
		{Feature: "lsm/file_open", Status: preflight.Pass, Reason: "Enforced"},
		{Feature: "lsm.s/x", Status: preflight.Fail, Reason: "HookNotSleepable", Summary: "it does not sleep",
			Remedy: preflight.Remedy{Summary: "Use lsm/x.", Commands: []string{"true"}}},
	}}}}
	golden(t, "plan.text", planText(report.Plan([]preflight.Policy{
		{Name: "block", Requires: []preflight.Feature{"lsm/file_open"}},
		{Name: "creds", Requires: []preflight.Feature{"lsm.s/x"}, Fallback: "audit"},
		{Name: "other", Requires: []preflight.Feature{"lsm/y"}},
	})))
}

// TestPoliciesHere runs the commands on this machine, whatever it allows.
func TestPoliciesHere(t *testing.T) {
	list := filepath.Join(t.TempDir(), "list.yaml")
	if err := os.WriteFile(list, []byte("policies:\n- {name: audit}\n- {name: block, requires: [lsm/file_open]}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code := run([]string{"policies", "-o", "json", list}, &stdout, &stderr)
	var report policiesReport
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil {
		t.Fatalf("%v\n%s%s", err, stdout.String(), stderr.String())
	}
	if code != exitCode(report.Status) || report.Decisions[0].State != preflight.Enabled {
		t.Errorf("exit code %d\n%s", code, stdout.String())
	}
	if (report.Decisions[1].State == preflight.Enabled) != (code == exitPass) {
		t.Errorf("exit code %d\n%s", code, stdout.String())
	}
}

func FuzzParsePolicies(f *testing.F) {
	f.Add([]byte("policies:\n- name: a\n  requires: [lsm/file_open]\n"))
	f.Add([]byte(`{"policies": [{"name": "a", "fallback": "b"}]}`))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		list, err := parsePolicies(raw)
		if (err == nil) == (len(list) == 0) {
			t.Errorf("%d policies and %v", len(list), err)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("the error has several lines: %q", err)
		}
	})
}
