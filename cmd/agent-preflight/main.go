// Command agent-preflight tells whether this host can do what an eBPF security
// agent needs, why not, and what to do about it.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/agent-preflight/agent-preflight/preflight"
	"github.com/agent-preflight/agent-preflight/preflight/lsm"
)

// Exit codes, for scripts.
const (
	exitPass  = 0 // everything was seen to work
	exitFail  = 1 // something was seen not to work
	exitError = 2 // it could not be found out, or the command was used wrongly
)

// detachBound is how long the command waits, after it has reported, until its
// program is detached. The kernel detaches it anyway when the process ends.
const detachBound = 5 * time.Second

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// command does one thing and returns the exit code. An error is printed as one
// line and is exit code 2.
type command func(args []string, stdout, stderr io.Writer) (int, error)

// run is the program without the process around it.
func run(args []string, stdout, stderr io.Writer) int {
	var cmd command = check
	if name != lsmCheck && len(args) > 0 {
		switch args[0] {
		case "hooks":
			cmd, args = hooks, args[1:]
		case "policies":
			cmd, args = policies, args[1:]
		}
	}
	code, err := cmd(args, stdout, stderr)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %s (try %s --help)\n", program(), preflight.Printable(err.Error()), program())
		return exitError
	}
	return code
}

// check runs the checks and reports.
func check(args []string, stdout, stderr io.Writer) (int, error) {
	opts, err := parseArgs(args)
	switch {
	case err != nil:
		return 0, err
	case opts.help:
		_, err := fmt.Fprint(stdout, usage())
		return exitPass, err
	case opts.version:
		_, err := fmt.Fprintf(stdout, "%s %s\n", program(), preflight.Version())
		return exitPass, err
	case opts.list:
		_, err := fmt.Fprintln(stdout, lsm.Name)
		return exitPass, err
	}
	report, wait, err := runChecks(opts, nil, stderr)
	if err != nil {
		return 0, err
	}
	defer wait()
	if err := render(stdout, report, opts); err != nil {
		return 0, fmt.Errorf("write the report: %w", err)
	}
	return exitCode(report.Status), nil
}

// runChecks runs the checks, asking for features. wait waits until the program
// is detached; the report is there before.
func runChecks(opts options, features []preflight.Feature, stderr io.Writer) (report preflight.Report, wait func(), err error) {
	logger := newLogger(stderr, opts.verbose)
	check := lsm.New(lsm.WithLoader(opts.loader), lsm.WithLogger(logger), lsm.WithFeatures(features...))
	registry, err := preflight.NewRegistry(check)
	if err != nil {
		return report, nil, err
	}
	registry.SetTimeout(opts.timeout)
	return registry.Run(context.Background()), func() {
		ctx, cancel := context.WithTimeout(context.Background(), detachBound)
		defer cancel()
		if err := check.Wait(ctx); err != nil {
			logger.Warn("the program is still being detached", zap.Error(err))
		}
	}, nil
}

func exitCode(s preflight.Status) int {
	switch s {
	case preflight.Pass:
		return exitPass
	case preflight.Fail:
		return exitFail
	}
	return exitError
}

// newLogger writes warnings, and with verbose everything, as lines to w.
func newLogger(w io.Writer, verbose bool) *zap.Logger {
	level := zap.WarnLevel
	if verbose {
		level = zap.DebugLevel
	}
	config := zap.NewDevelopmentEncoderConfig()
	config.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	return zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(config), zapcore.AddSync(w), level))
}
