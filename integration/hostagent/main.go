// Command hostagent is a small security agent, made to show and to test how one
// links the preflight in: it learns which of its policies this host can
// enforce, says why the others are off, attaches what is enabled, writes its
// state to a file, and serves until SIGTERM.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/cilium/ebpf/rlimit"
	"go.uber.org/zap"

	"github.com/agent-preflight/agent-preflight/preflight"
	"github.com/agent-preflight/agent-preflight/preflight/lsm"
)

// exitIdle is the agent's own rule: with nothing attached there is nothing to
// serve, and whoever supervises it should know.
const exitIdle = 3

func main() {
	block := flag.String("block", "", "file that nobody may open")
	statePath := flag.String("state", "hostagent.json", "file to write the state to")
	loader := flag.String("loader", "", "loader of the preflight")
	timeout := flag.Duration("timeout", preflight.DefaultTimeout, "bound on the preflight")
	flag.Parse()
	logger, err := zap.NewProduction()
	if err != nil {
		fmt.Fprintln(os.Stderr, "hostagent:", err)
		os.Exit(2)
	}
	code, err := serve(logger, *block, *statePath, lsm.Loader(*loader), *timeout)
	if err != nil {
		logger.Error("cannot serve", zap.Error(err))
		code = 2
	}
	os.Exit(code)
}

// state is what the agent tells about itself.
type state struct {
	Policies    []preflight.Decision `json:"policies"`
	Attached    []string             `json:"attached"`
	Counters    map[string]counters  `json:"counters"`
	PreflightMS float64              `json:"preflight_ms"` // the start waited so long for the verdict
	DetachMS    float64              `json:"detach_ms"`    // and the detach overlapped with the start for so long
}

func serve(logger *zap.Logger, block, statePath string, loader lsm.Loader, timeout time.Duration) (int, error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()

	policies, err := ownPolicies()
	if err != nil {
		return 0, err
	}
	start := time.Now()
	check := lsm.New(lsm.WithLoader(loader), lsm.WithFeatures(preflight.Requirements(policies)...))
	registry, err := preflight.NewRegistry(check)
	if err != nil {
		return 0, err
	}
	registry.SetTimeout(timeout)
	report := registry.Run(ctx)
	verdict := time.Now()
	plan := report.Plan(policies)
	report.Log(logger)
	plan.Log(logger)

	detached := make(chan time.Duration, 1)
	go func() {
		if check.Wait(ctx) == nil {
			detached <- time.Since(verdict)
		}
	}()

	// Before kernel 5.11 BPF memory counts towards this limit; an agent raises
	// it for itself.
	if err := rlimit.RemoveMemlock(); err != nil {
		logger.Warn("the limit on locked memory stays", zap.Error(err))
	}
	agent := newAgent(logger, block)
	defer agent.close()
	for _, name := range plan.Enabled() {
		agent.attach(name)
	}
	s := state{Policies: plan.Decisions, Attached: agent.names(), PreflightMS: float64(verdict.Sub(start).Microseconds()) / 1000}
	if len(s.Attached) == 0 {
		logger.Error("nothing is attached")
		return exitIdle, writeState(statePath, s)
	}
	if err := writeState(statePath, s); err != nil {
		return 0, err
	}
	<-ctx.Done()

	select {
	case took := <-detached:
		s.DetachMS = float64(took.Microseconds()) / 1000
	default:
	}
	s.Counters, err = agent.counters()
	return 0, errors.Join(err, writeState(statePath, s))
}

// writeState replaces the file at once, so that nobody reads half of it.
func writeState(path string, s state) error {
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	part := filepath.Join(filepath.Dir(path), "."+filepath.Base(path))
	if err := os.WriteFile(part, raw, 0o644); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	return os.Rename(part, path)
}
