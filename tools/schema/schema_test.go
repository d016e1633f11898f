// Package schema holds the reports of the command against docs/schema.json. It
// is in the tools' module, because a validator is nothing that importers need.
package schema

import (
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func compile(t *testing.T, file string) *jsonschema.Schema {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile("../../docs/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// TestReports validates the golden files of the command, and what the command
// itself prints on this machine, if REPORT names a file with it.
func TestReports(t *testing.T) {
	schema := compile(t, "schema.json")
	var files []string
	for _, status := range []string{"pass", "fail", "unknown"} {
		files = append(files, "../../cmd/agent-preflight/testdata/"+status+".json")
	}
	if file := os.Getenv("REPORT"); file != "" {
		files = append(files, file)
	}
	for _, file := range files {
		if err := schema.Validate(load(t, file)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// TestPolicyFile validates the policy file that the command's tests read.
func TestPolicyFile(t *testing.T) {
	schema := compile(t, "policies.schema.json")
	if err := schema.Validate(load(t, "../../cmd/agent-preflight/testdata/policies.json")); err != nil {
		t.Error(err)
	}
	if schema.Validate(load(t, "../../cmd/agent-preflight/testdata/pass.json")) == nil {
		t.Error("a report is a valid policy file")
	}
}

func load(t *testing.T, file string) any {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return value
}

// TestSchemaRefuses proves that the schema is no net without meshes.
func TestSchemaRefuses(t *testing.T) {
	schema := compile(t, "schema.json")
	golden, err := os.ReadFile("../../cmd/agent-preflight/testdata/fail.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{`"schema": 1`, `"schema": 2`},
		{`"status": "fail"`, `"status": "failed"`},
		{`"reason": "NotActive"`, `"reason": "not active"`},
		{`"stage": "fire"`, `"stage": "burn"`},
		{`"errno": ""`, `"errno": null`},
		{`"elapsed_ms": 27.125`, `"elapsed_ms": "27"`},
		{`"source": "/proc/cmdline",`, ``},
		{`"commands":`, `"command":`},
	} {
		text := strings.Replace(string(golden), change[0], change[1], 1)
		if text == string(golden) {
			t.Fatalf("%q is not in the golden file", change[0])
		}
		report, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if schema.Validate(report) == nil {
			t.Errorf("valid with %s", change[1])
		}
	}
}
