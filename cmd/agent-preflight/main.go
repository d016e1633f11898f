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

// run is the command without the process around it.
func run(args []string, stdout, stderr io.Writer) int {
	opts, err := parseArgs(args)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v (try %s --help)\n", program(), err, program())
		return exitError
	}
	switch {
	case opts.help:
		fmt.Fprint(stdout, usage())
		return exitPass
	case opts.version:
		fmt.Fprintf(stdout, "%s %s\n", program(), preflight.Version())
		return exitPass
	}

	logger := newLogger(stderr, opts.verbose)
	check := lsm.New(lsm.WithLoader(opts.loader), lsm.WithLogger(logger))
	registry, err := preflight.NewRegistry(check)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", program(), err)
		return exitError
	}
	if opts.list {
		for _, name := range registry.Names() {
			fmt.Fprintln(stdout, name)
		}
		return exitPass
	}

	registry.SetTimeout(opts.timeout)
	report := registry.Run(context.Background())
	if err := render(stdout, report, opts); err != nil {
		fmt.Fprintf(stderr, "%s: write the report: %v\n", program(), err)
		return exitError
	}

	ctx, cancel := context.WithTimeout(context.Background(), detachBound)
	defer cancel()
	if err := check.Wait(ctx); err != nil {
		logger.Warn("the program is still being detached", zap.Error(err))
	}
	return exitCode(report.Status)
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
