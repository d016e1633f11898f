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

const lsmCheck = "lsm_check"

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
	all     bool
}

const formats = "text, json"

// outputFlags returns the flags that all commands share, to add to.
func outputFlags(o *options) *flag.FlagSet {
	o.timeout = preflight.DefaultTimeout
	set := flag.NewFlagSet(program(), flag.ContinueOnError)
	set.SetOutput(io.Discard) // run reports the error, once and on one line
	set.StringVar(&o.output, "o", "text", "")
	set.StringVar(&o.output, "output", "text", "")
	set.BoolVar(&o.quiet, "q", false, "")
	set.BoolVar(&o.quiet, "quiet", false, "")
	return set
}

// flags returns the flags of the commands that run the checks, to add to.
func flags(o *options) *flag.FlagSet {
	set := outputFlags(o)
	set.BoolVar(&o.verbose, "v", false, "")
	set.BoolVar(&o.verbose, "verbose", false, "")
	set.DurationVar(&o.timeout, "timeout", preflight.DefaultTimeout, "")
	set.Func("loader", "", func(name string) error {
		if !slices.Contains(lsm.Loaders(), lsm.Loader(name)) {
			return fmt.Errorf("this binary has %s", loaderNames())
		}
		o.loader = lsm.Loader(name)
		return nil
	})
	return set
}

// parse reads the command line into the flags and checks what they share. Its
// errors are for people and name what is wrong.
func (o *options) parse(set *flag.FlagSet, args []string) (rest []string, err error) {
	err = set.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		o.help = true
		return nil, nil
	case err != nil:
		return nil, err
	case !slices.Contains(strings.Split(formats, ", "), o.output):
		return nil, fmt.Errorf("unknown output format %q: want one of %s", o.output, formats)
	case o.timeout <= 0:
		return nil, fmt.Errorf("timeout %v is not positive", o.timeout)
	}
	return set.Args(), nil
}

// parseArgs reads the command line of the checks.
func parseArgs(args []string) (options, error) {
	var o options
	set := flags(&o)
	set.BoolVar(&o.list, "list", false, "")
	set.BoolVar(&o.version, "version", false, "")
	rest, err := o.parse(set, args)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("unexpected argument %q", rest[0])
	}
	return o, err
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
	commands := ""
	if name != lsmCheck {
		commands = fmt.Sprintf(`       %[1]s policies [flags] FILE...   which policies this host can enforce
       %[1]s hooks [--all] [-o FORMAT] [-q]   which LSM hooks the verifier accepts
`, name)
	}
	return fmt.Sprintf(`%[1]s proves whether BPF LSM works on this host, by doing it.

Usage: %[1]s [flags]
%[5]s
  -o, --output FORMAT   %[2]s (default text)
  -q, --quiet           print nothing; the exit code tells
  -v, --verbose         log every step, with libbpf's lines, to stderr
      --timeout D       bound on each check (default %[3]v)
      --loader NAME     library that loads the program: %[4]s (default the first)
      --all             hooks: those too that accept nothing
      --list            list the checks
      --version         print the version
      --help            print this

A FILE is a BPF object (NAME.bpf.o: its LSM programs are what the policy NAME
requires) or a list of policies in YAML or JSON.

Exit codes: 0 it works, 1 it does not, 2 it could not be found out or an error.
`, program(), formats, preflight.DefaultTimeout, loaderNames(), commands)
}
