package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/agent-preflight/agent-preflight/preflight"
	"github.com/agent-preflight/agent-preflight/preflight/lsm"
)

// name is set by the linker where the program is built under another one:
// lsm_check is the same program, limited to the LSM check.
var name = "agent-preflight"

func program() string { return name }

type options struct {
	output  string // text or json
	quiet   bool
	verbose bool
	timeout time.Duration
	loader  lsm.Loader // "" is the default
	list    bool
	version bool
	help    bool
}

const formats = "text, json"

// parseArgs reads the command line. Its errors are for people and name what is wrong.
func parseArgs(args []string) (options, error) {
	var o options
	var loader string
	flags := flag.NewFlagSet(program(), flag.ContinueOnError)
	flags.SetOutput(io.Discard) // run reports the error, once and on one line
	flags.StringVar(&o.output, "o", "text", "")
	flags.StringVar(&o.output, "output", "text", "")
	flags.BoolVar(&o.quiet, "q", false, "")
	flags.BoolVar(&o.quiet, "quiet", false, "")
	flags.BoolVar(&o.verbose, "v", false, "")
	flags.BoolVar(&o.verbose, "verbose", false, "")
	flags.DurationVar(&o.timeout, "timeout", preflight.DefaultTimeout, "")
	flags.StringVar(&loader, "loader", "", "")
	flags.BoolVar(&o.list, "list", false, "")
	flags.BoolVar(&o.version, "version", false, "")

	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		o.help = true
		return o, nil
	}
	if err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if !slices.Contains(strings.Split(formats, ", "), o.output) {
		return o, fmt.Errorf("unknown output format %q: want one of %s", o.output, formats)
	}
	if o.timeout <= 0 {
		return o, fmt.Errorf("timeout %v is not positive", o.timeout)
	}
	o.loader = lsm.Loader(loader)
	if loader != "" && !slices.Contains(lsm.Loaders(), o.loader) {
		return o, fmt.Errorf("unknown loader %q: this binary has %s", loader, loaderNames())
	}
	return o, nil
}

func loaderNames() string {
	var names []string
	for _, l := range lsm.Loaders() {
		names = append(names, string(l))
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, ", ")
}

func usage() string {
	return fmt.Sprintf(`%[1]s proves whether BPF LSM works on this host, by doing it.

Usage: %[1]s [flags]

  -o, --output FORMAT   %s (default text)
  -q, --quiet           print nothing; the exit code tells
  -v, --verbose         log every step, with libbpf's lines, to stderr
      --timeout D       bound on each check (default %v)
      --loader NAME     library that loads the program: %s (default the first)
      --list            list the checks
      --version         print the version
      --help            print this

Exit codes: 0 it works, 1 it does not, 2 it could not be found out or an error.
`, program(), formats, preflight.DefaultTimeout, loaderNames())
}
