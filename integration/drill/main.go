// Command drill puts the host agent to the test inside a virtual machine: it
// starts it, opens the file that it should block from another process, ends it
// with SIGTERM, and prints what it saw as JSON.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/agent-preflight/agent-preflight/integration/job"
)

const (
	secret = "/tmp/secret"
	public = "/tmp/public"
	state  = "/tmp/hostagent.json"
	bound  = 150 * time.Second
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "open" {
		f, err := os.Open(os.Args[2])
		if err == nil {
			f.Close()
		}
		fmt.Print(errnoOf(err))
		return
	}
	d, err := drill(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "drill:", err)
		os.Exit(2)
	}
	if err := json.NewEncoder(os.Stdout).Encode(d); err != nil {
		os.Exit(2)
	}
}

func errnoOf(err error) string {
	var errno syscall.Errno
	switch {
	case err == nil:
		return ""
	case errors.As(err, &errno) && errno == syscall.EPERM:
		return "EPERM"
	}
	return err.Error()
}

// drill runs the agent with the given arguments beyond its own.
func drill(args []string) (d job.Drill, err error) {
	for _, path := range []string{secret, public} {
		if err := os.WriteFile(path, []byte("x"), 0o644); err != nil {
			return d, err
		}
		defer os.Remove(path)
	}
	defer os.Remove(state)
	agent := exec.Command("hostagent", append([]string{"--block", secret, "--state", state}, args...)...)
	var log bytes.Buffer
	agent.Stdout, agent.Stderr = &log, &log
	if err := agent.Start(); err != nil {
		return d, err
	}
	ended := make(chan error, 1)
	go func() { ended <- agent.Wait() }()

	if exited, err := waitForState(ended); err != nil {
		_ = agent.Process.Kill()
		return d, fmt.Errorf("%w\n%s", err, log.String())
	} else if !exited {
		if d.Secret, err = stranger(secret); err != nil {
			return d, err
		}
		if d.Public, err = stranger(public); err != nil {
			return d, err
		}
		// It may have ended meanwhile, by its own rule.
		if err := agent.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return d, err
		}
		select {
		case <-ended:
		case <-time.After(bound):
			_ = agent.Process.Kill()
			return d, errors.New("the agent did not end on SIGTERM")
		}
	}
	d.ExitCode, d.Log = agent.ProcessState.ExitCode(), log.String()
	d.State, err = os.ReadFile(state)
	return d, err
}

// waitForState waits until the agent has written its state, or has ended.
func waitForState(ended <-chan error) (exited bool, err error) {
	deadline := time.After(bound)
	for {
		select {
		case <-ended:
			return true, nil
		case <-deadline:
			return false, errors.New("the agent wrote no state")
		case <-time.After(20 * time.Millisecond):
			if _, err := os.Stat(state); err == nil {
				return false, nil
			}
		}
	}
}

// stranger opens a file in another process and returns the errno.
func stranger(path string) (string, error) {
	out, err := exec.Command("/proc/self/exe", "open", path).Output()
	return string(out), err
}
