// Package schema holds the reports of the command against docs/schema.json. It
// is in the tools' module, because a validator is nothing that importers need.
package schema

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile("../../docs/schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// TestReports validates the golden files of the command, and what the command
// itself prints on this machine, if REPORT names a file with it.
func TestReports(t *testing.T) {
	schema := compile(t)
	files, err := filepath.Glob("../../cmd/agent-preflight/testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	if file := os.Getenv("REPORT"); file != "" {
		files = append(files, file)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		report, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if err := schema.Validate(report); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// TestSchemaRefuses proves that the schema is no net without meshes.
func TestSchemaRefuses(t *testing.T) {
	schema := compile(t)
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
