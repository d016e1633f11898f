package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/agent-preflight/agent-preflight/preflight"
	"github.com/agent-preflight/agent-preflight/preflight/lsm"
)

// hooksReport is the JSON of the hooks command.
type hooksReport struct {
	Schema  int            `json:"schema"`
	Version string         `json:"version"`
	Host    preflight.Host `json:"host"`
	Hooks   []lsm.Hook     `json:"hooks"`
}

// hooks prints the table of hooks of the running kernel: what its verifier
// accepts, without the proof that any of it fires.
func hooks(args []string, stdout, _ io.Writer) (int, error) {
	var opts options
	set := outputFlags(&opts)
	set.BoolVar(&opts.all, "all", false, "")
	rest, err := opts.parse(set, args)
	switch {
	case err != nil:
		return 0, err
	case opts.help:
		_, err := fmt.Fprint(stdout, usage())
		return exitPass, err
	case len(rest) > 0:
		return 0, fmt.Errorf("unexpected argument %q", rest[0])
	}
	table, err := lsm.Hooks()
	if err != nil {
		return 0, err
	}
	report := hooksReport{Schema: preflight.Schema, Version: preflight.Version(), Host: preflight.ThisHost(), Hooks: []lsm.Hook{}}
	code := exitFail
	for _, h := range table {
		if h.Accepts() {
			code = exitPass
		}
		if h.Accepts() || opts.all {
			report.Hooks = append(report.Hooks, h)
		}
	}
	if opts.quiet {
		return code, nil
	}
	if opts.output == "json" {
		return code, renderJSON(stdout, report)
	}
	return code, hooksText(stdout, report, len(table))
}

func hooksText(w io.Writer, report hooksReport, total int) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "HOOK\tlsm\tlsm.s\tlsm_cgroup")
	for _, h := range report.Hooks {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", h.Name, h.MAC, h.Sleepable, h.Cgroup)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d of %d hooks; y: the verifier accepts a program there, which is not to say that it fires\n",
		len(report.Hooks), total)
	return err
}
