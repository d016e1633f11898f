// Command vm runs a program of this project, or any static one, on a kernel of
// one's choice in QEMU, prints what it prints and exits with its exit code:
//
//	go run ./integration/vm --kernel IMAGE --arch arm64 --append 'lsm=yama' -- agent-preflight -o json
//
// It takes the programs that `make guests` builds.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/agent-preflight/agent-preflight/integration/job"
	"github.com/agent-preflight/agent-preflight/integration/qemu"
)

func main() {
	code, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "vm:", err)
		code = 125 // as env(1) and its kind: not the command's own
	}
	os.Exit(code)
}

func run() (int, error) {
	kernel := flag.String("kernel", "", "path of the kernel image")
	arch := flag.String("arch", "amd64", "architecture of the kernel")
	parameters := flag.String("append", "", "kernel parameters")
	guests := flag.String("guests", "build/guest", "directory with ARCH/init and ARCH/bin")
	console := flag.Bool("console", false, "print the guest's console to stderr")
	icount := flag.Bool("icount", false, "let the guest's clock count instructions, and print times that repeat to stderr")
	repeat := flag.Int("repeat", 1, "run the command so many times; output and exit code are the last run's")
	timeout := flag.Duration("timeout", 2*time.Minute, "bound on it all")
	flag.Parse()
	if *kernel == "" || flag.NArg() == 0 {
		return 0, fmt.Errorf("usage: vm --kernel IMAGE [flags] -- COMMAND [ARGUMENT...] (see --help)")
	}
	ctx, cancel := context.WithTimeout(context.Background(), *timeout)
	defer cancel()
	programs, err := filepath.Glob(filepath.Join(*guests, *arch, "bin", "*"))
	if err != nil {
		return 0, err
	}
	runs := make([]job.Run, max(1, *repeat))
	for i := range runs {
		runs[i] = job.Run{Argv: flag.Args(), Timeout: *timeout}
	}
	out, err := qemu.Run(ctx, qemu.Boot{
		Arch: *arch, Kernel: *kernel, Append: *parameters, ICount: *icount,
		Init:     filepath.Join(*guests, *arch, "init"),
		Programs: programs,
		Job:      job.Job{Runs: runs},
	})
	if *console {
		os.Stderr.Write(out.Console)
	}
	if err != nil {
		return 0, err
	}
	results := out.Report.Results
	result := results[len(results)-1]
	fmt.Print(result.Stdout)
	fmt.Fprint(os.Stderr, result.Stderr)
	if *icount {
		for _, r := range results {
			fmt.Fprintf(os.Stderr, "first output after %v, end after %v, peak memory %d kB\n", r.FirstOutput, r.Elapsed, r.PeakKB)
		}
	}
	if result.Error != "" {
		return 0, fmt.Errorf("%s: %s", flag.Arg(0), result.Error)
	}
	return result.ExitCode, nil
}
