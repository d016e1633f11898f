package lsm_test

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/agent-preflight/agent-preflight/preflight"
	"github.com/agent-preflight/agent-preflight/preflight/lsm"
	"github.com/agent-preflight/agent-preflight/preflight/lsm/bpf"
)

// An agent asks in its start-up path, and goes on while the program is being
// detached.
func Example() {
	check := lsm.New()
	registry, err := preflight.NewRegistry(check)
	if err != nil {
		fmt.Println(err)
		return
	}
	registry.SetTimeout(5 * time.Second)
	report := registry.Run(context.Background())
	switch report.Status {
	case preflight.Pass:
		// Enforce.
	case preflight.Fail, preflight.Unknown:
		report.Log(zap.NewNop()) // the agent's logger
	}
	fmt.Println(report.Checks[0].Name)
	// Output: lsm
}

// Requirements need not be kept by hand: they are read from the agent's own
// objects.
func ExampleRequirementsOf() {
	features, err := lsm.RequirementsOf(bytes.NewReader(bpf.Object))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(features)
	// Output: [lsm/file_open]
}
