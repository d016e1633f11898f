// Command agent is what a stranger writes who links the preflight in. It is a
// module of its own, built in every way in which users build.
package main

import (
	"context"
	"os"

	"go.uber.org/zap"

	"github.com/agent-preflight/agent-preflight/preflight"
	"github.com/agent-preflight/agent-preflight/preflight/lsm"
)

func main() {
	logger, err := zap.NewProduction()
	if err == nil {
		err = start(context.Background(), logger)
	}
	if err != nil {
		os.Exit(1)
	}
}

func start(ctx context.Context, logger *zap.Logger) error {
	policies := []preflight.Policy{
		{Name: "block-secrets", Requires: []preflight.Feature{"lsm/file_open"}, Fallback: "audit"},
		{Name: "audit"},
	}
	check := lsm.New(lsm.WithFeatures(preflight.Requirements(policies)...))
	registry, err := preflight.NewRegistry(check)
	if err != nil {
		return err
	}
	report := registry.Run(ctx) // some tens of milliseconds; never panics, never outlives its deadline
	plan := report.Plan(policies)
	plan.Log(logger) // says which policies are off, why, and what to do
	enforce(plan.Enabled())
	return nil
}

func enforce([]string) {}
