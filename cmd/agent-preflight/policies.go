package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/agent-preflight/agent-preflight/preflight"
	"github.com/agent-preflight/agent-preflight/preflight/lsm"
)

// policiesReport is the JSON of the policies command.
type policiesReport struct {
	Schema  int              `json:"schema"`
	Version string           `json:"version"`
	Host    preflight.Host   `json:"host"`
	Status  preflight.Status `json:"status"`
	preflight.Plan
}

// policies prints the plan for the policies in some files.
func policies(args []string, stdout, stderr io.Writer) (int, error) {
	var opts options
	files, err := opts.parse(flags(&opts), args)
	switch {
	case err != nil:
		return 0, err
	case opts.help:
		_, err := fmt.Fprint(stdout, usage())
		return exitPass, err
	case len(files) == 0:
		return 0, errors.New("policies: no file given")
	}
	list, err := readPolicies(files)
	if err != nil {
		return 0, err
	}
	report, wait, err := runChecks(opts, preflight.Requirements(list), stderr)
	if err != nil {
		return 0, err
	}
	defer wait()
	plan := report.Plan(list)
	code := exitCode(plan.Status())
	switch {
	case opts.quiet:
		return code, nil
	case opts.output == "json":
		return code, renderJSON(stdout, policiesReport{
			Schema: preflight.Schema, Version: report.Version, Host: report.Host, Status: plan.Status(), Plan: plan,
		})
	}
	_, err = stdout.Write(planText(plan))
	return code, err
}

func planText(plan preflight.Plan) []byte {
	var b bytes.Buffer
	for _, d := range plan.Decisions {
		fmt.Fprintf(&b, "%s: %s\n", preflight.Printable(d.Policy), d.State)
		if d.State == preflight.Enabled {
			continue
		}
		fmt.Fprintf(&b, "  %s: %s\n", d.Reason, d.Summary)
		for _, m := range d.Missing {
			fmt.Fprintf(&b, "  requires %s, which is %s: %s\n", preflight.Printable(string(m.Feature)), m.Status, m.Reason)
		}
		if d.Fallback != "" {
			fmt.Fprintf(&b, "  instead: %s\n", preflight.Printable(d.Fallback))
		}
		if d.Remedy.Summary != "" {
			fmt.Fprintf(&b, "  to mend it: %s\n", d.Remedy.Summary)
			for _, command := range d.Remedy.Commands {
				fmt.Fprintf(&b, "    %s\n", command)
			}
		}
	}
	return b.Bytes()
}

// maxFile bounds what is read of one file; BPF objects with BTF are a few megabytes.
const maxFile = 64 << 20

// readPolicies reads all files. Two policies of one name are an error.
func readPolicies(files []string) ([]preflight.Policy, error) {
	var list []preflight.Policy
	from := map[string]string{}
	for _, file := range files {
		some, err := readFile(file)
		if err != nil {
			return nil, err
		}
		for _, p := range some {
			if other, taken := from[p.Name]; taken {
				return nil, fmt.Errorf("%s: policy %q is in %s already", file, p.Name, other)
			}
			from[p.Name] = file
			list = append(list, p)
		}
	}
	return list, nil
}

func readFile(file string) ([]preflight.Policy, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > maxFile {
		return nil, fmt.Errorf("%s: larger than %d bytes", file, maxFile)
	}
	if bytes.HasPrefix(raw, []byte("\x7fELF")) || strings.HasSuffix(file, ".o") {
		p, err := objectPolicy(file, raw)
		return []preflight.Policy{p}, err
	}
	list, err := parsePolicies(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return list, nil
}

// objectPolicy is the policy that a BPF object stands for: it requires what the
// object's LSM programs need and is named after the file.
func objectPolicy(file string, raw []byte) (preflight.Policy, error) {
	name := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(file), ".o"), ".bpf")
	features, err := lsm.RequirementsOf(bytes.NewReader(raw))
	if err != nil {
		return preflight.Policy{}, fmt.Errorf("%s: %w", file, err)
	}
	return preflight.Policy{Name: name, Requires: features}, nil
}

// policyFile is the content of a policy file; docs/policies.md describes it.
type policyFile struct {
	Policies []struct {
		Name     string              `yaml:"name"`
		Requires []preflight.Feature `yaml:"requires"`
		Fallback string              `yaml:"fallback"`
	} `yaml:"policies"`
}

// parsePolicies reads a policy file, YAML or JSON, which is YAML too. What it
// does not know is an error with its line.
func parsePolicies(raw []byte) (list []preflight.Policy, err error) {
	defer func() {
		if p := recover(); p != nil { // the parser is not ours
			list, err = nil, fmt.Errorf("malformed: %v", p)
		}
	}()
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	decoder.KnownFields(true)
	var f policyFile
	if err := decoder.Decode(&f); errors.Is(err, io.EOF) {
		return nil, errors.New("line 1: the file is empty")
	} else if err != nil {
		return nil, oneLine(err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one document")
	}
	if len(f.Policies) == 0 {
		return nil, errors.New("line 1: no policies")
	}
	for i, p := range f.Policies {
		if p.Name == "" {
			return nil, fmt.Errorf("policies[%d]: no name", i)
		}
		for k, feature := range p.Requires {
			if feature == "" {
				return nil, fmt.Errorf("policies[%d] %q: requires[%d] is empty", i, p.Name, k)
			}
		}
		list = append(list, preflight.Policy{Name: p.Name, Requires: p.Requires, Fallback: p.Fallback})
	}
	return list, nil
}

// oneLine joins the lines of an error of the YAML library.
func oneLine(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	text = strings.TrimPrefix(text, "unmarshal errors:\n")
	return errors.New(strings.Join(strings.Fields(text), " "))
}
