package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/agent-preflight/agent-preflight/integration/job"
)

// childArg makes this program put itself into the state of a Setup and become
// the command.
const childArg = "--child"

// run runs one command and compares the host before and after it.
func run(r job.Run) job.Result {
	before := takeInventory()
	restore, err := applySysctl(r.Setup.Sysctl)
	if err != nil {
		return job.Result{Name: r.Name, Error: err.Error()}
	}
	result := execute(r)
	result.Name = r.Name
	result.Leftovers = append(leftovers(before), restore()...)
	return result
}

// applySysctl writes settings of the kernel and returns a function that puts
// them back and tells of any that was not found as it was left.
func applySysctl(values map[string]string) (restore func() []string, err error) {
	old := map[string]string{}
	for name, value := range values {
		path := filepath.Join("/proc/sys", name)
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		old[name] = strings.TrimSpace(string(text))
		if err := os.WriteFile(path, []byte(value), 0); err != nil {
			return nil, err
		}
	}
	return func() (changed []string) {
		for name, value := range old {
			path := filepath.Join("/proc/sys", name)
			if text, err := os.ReadFile(path); err != nil || strings.TrimSpace(string(text)) != values[name] {
				changed = append(changed, fmt.Sprintf("sysctl %s is %q now", name, text))
			}
			if err := os.WriteFile(path, []byte(value), 0); err != nil {
				changed = append(changed, err.Error())
			}
		}
		return changed
	}, nil
}

func execute(r job.Run) job.Result {
	setup, err := json.Marshal(r.Setup)
	if err != nil {
		return job.Result{Error: err.Error()}
	}
	timeout := r.Timeout
	if timeout == 0 {
		timeout = 3 * time.Minute
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	argv := r.Argv
	if !r.Setup.IsZero() {
		argv = append([]string{"/proc/self/exe", childArg, string(setup), "--"}, argv...)
	} else if argv[0], err = exec.LookPath(argv[0]); err != nil {
		return job.Result{Error: err.Error()}
	}
	if r.Kill != (job.Kill{}) {
		return trace(ctx, argv, r.Kill)
	}

	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = environment
	var stderr bytes.Buffer
	stdout := &firstWrite{start: time.Now()}
	cmd.Stdout, cmd.Stderr = stdout, &stderr
	err = cmd.Start()
	if err != nil {
		return job.Result{Error: err.Error()}
	}
	peak := watchPeak(cmd.Process.Pid)
	err = cmd.Wait()
	result := job.Result{
		Elapsed:     time.Since(stdout.start),
		Stdout:      stdout.buf.String(),
		Stderr:      stderr.String(),
		FirstOutput: stdout.first,
		PeakKB:      peak(),
	}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		result.Error = fmt.Sprintf("not done after %v", timeout)
	case err != nil && !errors.As(err, &exit):
		result.Error = err.Error()
	default:
		result.ExitCode = cmd.ProcessState.ExitCode()
		if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
			result.Signal = status.Signal().String()
		}
	}
	return result
}

// firstWrite is a buffer that remembers when it was first written to.
type firstWrite struct {
	buf   bytes.Buffer // not embedded: its ReadFrom would pass Write by
	start time.Time
	first time.Duration
}

func (w *firstWrite) Write(p []byte) (int, error) {
	if w.first == 0 {
		w.first = time.Since(w.start)
	}
	return w.buf.Write(p)
}

// watchPeak polls the peak memory of a process until it is gone: rusage would
// count this program's own memory, from before the exec.
func watchPeak(pid int) (stop func() int64) {
	done, peak := make(chan struct{}), make(chan int64)
	go func() {
		var most int64
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				peak <- most
				return
			case <-tick.C:
				status, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
				_, rest, _ := strings.Cut(string(status), "VmHWM:")
				if fields := strings.Fields(rest); len(fields) > 0 {
					kb, _ := strconv.ParseInt(fields[0], 10, 64)
					most = kb // the last reading: exec starts it anew
				}
			}
		}
	}()
	return func() int64 { close(done); return <-peak }
}

// child is the process between fork and exec.
func child(args []string) error {
	if len(args) < 3 || args[1] != "--" {
		return errors.New("usage: --child SETUP -- COMMAND [ARGUMENT...]")
	}
	var setup job.Setup
	if err := json.Unmarshal([]byte(args[0]), &setup); err != nil {
		return err
	}
	if err := enter(setup); err != nil {
		return fmt.Errorf("set up: %w", err)
	}
	argv := args[2:]
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return err
	}
	return syscall.Exec(path, argv, environment)
}

// bin is where the job's programs are.
const bin = "/bin"

var environment = []string{"PATH=" + bin, "HOME=/", "NO_COLOR=1"}

func init() { os.Setenv("PATH", bin) }

// enter changes the calling process, whose main goroutine is the only one.
func enter(s job.Setup) error {
	if len(s.Unmount) > 0 {
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			return err
		}
		for _, target := range s.Unmount {
			if err := unix.Unmount(target, unix.MNT_DETACH); err != nil {
				return fmt.Errorf("unmount %s: %w", target, err)
			}
		}
	}
	for resource, limit := range s.Rlimits {
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
			return fmt.Errorf("limit %d: %w", resource, err)
		}
	}
	return privileges(s)
}
