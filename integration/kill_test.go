//go:build vm

package integration

import (
	"fmt"
	"slices"
	"testing"

	"github.com/agent-preflight/agent-preflight/integration/job"
)

// TestKilled ends the command with SIGKILL on return from each bpf(2) call that
// makes or uses something in the kernel, so in every stage, and looks for
// anything left on the host. The calls before those ask what the kernel can.
func TestKilled(t *testing.T) {
	r := Row{Kernel: "amd64-6.12"}
	// The calls that a stage is made of; a probe without them is not what this
	// test thinks it is.
	stages := []string{"MAP_CREATE", "PROG_LOAD", "LINK_CREATE", "MAP_UPDATE_ELEM", "MAP_LOOKUP_ELEM"}
	for _, v := range variants[:2] {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			traced := boot(t, r, job.Job{Runs: []job.Run{
				{Name: "trace", Argv: v.argv, Kill: job.Kill{Trace: true}},
			}}).Report.Results[0]
			if traced.Error != "" || traced.ExitCode != 0 {
				t.Fatalf("traced run: exit code %d, %s\n%s", traced.ExitCode, traced.Error, traced.Stdout)
			}
			for _, call := range stages {
				if !slices.Contains(traced.BPFCalls, call) {
					t.Fatalf("no %s among the calls %v", call, traced.BPFCalls)
				}
			}

			last := len(traced.BPFCalls)
			for last > 0 && traced.BPFCalls[last-1] != "MAP_CREATE" {
				last--
			}
			var j job.Job
			for k, call := range traced.BPFCalls {
				if k+1 < last {
					continue
				}
				j.Runs = append(j.Runs, job.Run{
					Name: fmt.Sprintf("killed at call %d, %s", k+1, call),
					Argv: v.argv, Kill: job.Kill{BPFCall: k + 1},
				})
			}
			for i, result := range boot(t, r, j).Report.Results {
				if result.Error != "" || result.Signal != "killed" {
					t.Errorf("%s: signal %q, exit code %d, %s", j.Runs[i].Name, result.Signal, result.ExitCode, result.Error)
				}
				if len(result.Leftovers) > 0 {
					t.Errorf("%s: left on the host: %v", j.Runs[i].Name, result.Leftovers)
				}
			}
			t.Logf("killed at each of %v: nothing left", traced.BPFCalls[last-1:])
		})
	}
}
