// Command guest is the init of the virtual machines that the tests boot. It
// mounts what a host has, runs the commands of its job, counts what they leave
// behind, writes a report to the console and switches the machine off.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/agent-preflight/agent-preflight/integration/job"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == childArg {
		fmt.Fprintln(os.Stderr, "guest:", child(os.Args[2:]))
		os.Exit(126)
	}
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "guest: this is the init of a test machine and runs nowhere else")
		os.Exit(2)
	}
	report, err := work()
	if err != nil {
		report.Error = err.Error()
	}
	line, err := job.Encode(report)
	if err != nil {
		line = []byte(err.Error())
	}
	os.Stdout.Write(line)
	_ = unix.IoctlSetInt(1, unix.TCSBRK, 1) // drain the serial line, tty_ioctl(4)
	unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

func work() (job.Report, error) {
	var report job.Report
	if err := mountAll(); err != nil {
		return report, err
	}
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return report, err
	}
	report.Kernel = unix.ByteSliceToString(uts.Release[:])

	raw, err := os.ReadFile(job.Path)
	if err != nil {
		return report, err
	}
	var j job.Job
	if err := json.Unmarshal(raw, &j); err != nil {
		return report, fmt.Errorf("read %s: %w", job.Path, err)
	}
	for _, r := range j.Runs {
		report.Results = append(report.Results, run(r))
	}
	return report, nil
}

// mounts are those of an ordinary host. Where the kernel lacks a file system
// the host does too.
var mounts = []struct {
	target, kind string
	optional     bool
}{
	{"/dev", "devtmpfs", false},
	{"/proc", "proc", false},
	{"/sys", "sysfs", false},
	{"/tmp", "tmpfs", false},
	{"/run", "tmpfs", false},
	{"/dev/shm", "tmpfs", false},
	{"/sys/kernel/security", "securityfs", true},
	{"/sys/fs/bpf", "bpf", true},
	{"/sys/kernel/tracing", "tracefs", true},
	{"/sys/fs/cgroup", "cgroup2", true},
}

func mountAll() error {
	for _, m := range mounts {
		err := os.MkdirAll(m.target, 0o755)
		if err == nil {
			err = unix.Mount(m.kind, m.target, m.kind, 0, "")
		}
		if err != nil && !m.optional && !strings.Contains(err.Error(), "busy") {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	return nil
}
