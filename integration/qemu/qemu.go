// Package qemu boots a kernel in QEMU with an initramfs made for the purpose,
// and returns what the guest's init reports.
package qemu

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/agent-preflight/agent-preflight/integration/job"
)

// machine is how QEMU emulates an architecture.
type machine struct {
	binary  string
	goarch  string   // of the programs that run in it
	args    []string // without acceleration
	tcg     string   // processor under emulation
	console string
}

// machines is keyed by Debian's name of the architecture.
var machines = map[string]machine{
	"amd64": {
		binary: "qemu-system-x86_64", goarch: "amd64",
		// SLUB's cmpxchg16b double-faults now and then under single-threaded
		// emulation (seen with QEMU 7.2 and Linux 6.12); without it there is a lock.
		tcg: "max,cx16=off", console: "ttyS0",
	},
	"arm64": {
		binary: "qemu-system-aarch64", goarch: "arm64", args: []string{"-M", "virt"},
		tcg: "max,pauth-impdef=on", console: "ttyAMA0", // the architected pointer authentication is slow to emulate
	},
}

// Arches lists the architectures that can be booted.
func Arches() []string {
	var names []string
	for name := range machines {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// GOARCH is the Go toolchain's name of an architecture.
func GOARCH(arch string) string { return machines[arch].goarch }

// Boot says what to boot.
type Boot struct {
	Arch     string // one of Arches
	Kernel   string // path of the image
	Append   string // kernel parameters beyond the console
	Init     string // path of the guest's init, built for the architecture
	Programs []string
	MemoryMB int  // 0 is 512
	ICount   bool // the guest's clock counts instructions, so that times repeat
	Job      job.Job
}

// Output is what came of a Boot.
type Output struct {
	Report  job.Report
	Console []byte // all that the guest's kernel and init printed
	Accel   string // kvm or tcg
}

// Run boots, waits until the guest switches itself off, and returns its report.
// It ends the virtual machine with ctx.
func Run(ctx context.Context, b Boot) (Output, error) {
	m, ok := machines[b.Arch]
	if !ok {
		return Output{}, fmt.Errorf("boot %s: not one of %s", b.Arch, strings.Join(Arches(), ", "))
	}
	dir, err := os.MkdirTemp("", "preflight-vm-")
	if err != nil {
		return Output{}, err
	}
	defer os.RemoveAll(dir)
	initrd := filepath.Join(dir, "initramfs")
	if err := writeInitramfs(ctx, initrd, b); err != nil {
		return Output{}, fmt.Errorf("make the initramfs: %w", err)
	}

	accel := accelFor(ctx, m, b)
	var console bytes.Buffer
	cmd := exec.CommandContext(ctx, m.binary, m.arguments(b, accel, initrd)...)
	cmd.WaitDelay = 5 * time.Second
	cmd.Stdout, cmd.Stderr = &console, &console
	runErr := cmd.Run()
	out := Output{Console: console.Bytes(), Accel: accel}
	if ctx.Err() != nil {
		runErr = fmt.Errorf("not done in time: %w", ctx.Err())
	}
	if runErr != nil {
		return out, fmt.Errorf("%s: %w\n%s", m.binary, runErr, tail(out.Console))
	}
	out.Report, err = job.Decode(out.Console)
	if err != nil {
		return out, fmt.Errorf("%w\n%s", err, tail(out.Console))
	}
	if out.Report.Error != "" {
		return out, errors.New("guest: " + out.Report.Error)
	}
	return out, nil
}

func (m machine) arguments(b Boot, accel, initrd string) []string {
	memory := b.MemoryMB
	if memory == 0 {
		memory = 512
	}
	args := append([]string{}, m.args...)
	switch {
	case b.ICount:
		args = append(args, "-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off", "-cpu", m.tcg)
	case accel == "kvm":
		args = append(args, "-accel", "kvm", "-cpu", "host")
	default:
		args = append(args, "-accel", "tcg,thread=multi", "-cpu", m.tcg)
	}
	// quiet keeps the kernel's lines out of the report's. The self-tests of the
	// crypto code would go on for a second after init has started, half as fast.
	parameters := "console=" + m.console + " quiet loglevel=0 panic=-1 rdinit=/init cryptomgr.notests " + b.Append
	return append(args,
		"-m", fmt.Sprint(memory), "-display", "none", "-serial", "stdio", "-monitor", "none",
		"-no-reboot", "-nic", "none", "-kernel", b.Kernel, "-initrd", initrd, "-append", strings.TrimSpace(parameters))
}

// tail is the end of a console's output, for an error message.
func tail(console []byte) string {
	const most = 4000
	if len(console) > most {
		console = console[len(console)-most:]
	}
	return string(console)
}

// writeInitramfs lays out a root file system with the init, the job and the
// programs in /bin, and packs it with cpio(1).
func writeInitramfs(ctx context.Context, path string, b Boot) error {
	root := path + ".d"
	for _, dir := range []string{"bin", "dev", "proc", "sys", "tmp", "run", "etc"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	if err := copyFile(b.Init, filepath.Join(root, "init")); err != nil {
		return err
	}
	for _, program := range b.Programs {
		if err := copyFile(program, filepath.Join(root, "bin", filepath.Base(program))); err != nil {
			return err
		}
	}
	raw, err := json.Marshal(b.Job)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(root, job.Path), raw, 0o644); err != nil {
		return err
	}

	list, err := filepath.Glob(filepath.Join(root, "*"))
	if err != nil {
		return err
	}
	more, err := filepath.Glob(filepath.Join(root, "*", "*"))
	if err != nil {
		return err
	}
	var names strings.Builder
	for _, name := range append(list, more...) {
		names.WriteString(strings.TrimPrefix(name, root+"/") + "\n")
	}
	archive, err := os.Create(path)
	if err != nil {
		return err
	}
	cpio := exec.CommandContext(ctx, "cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0")
	cpio.Dir, cpio.Stdin, cpio.Stdout = root, strings.NewReader(names.String()), archive
	var stderr bytes.Buffer
	cpio.Stderr = &stderr
	if err := cpio.Run(); err != nil {
		archive.Close()
		return fmt.Errorf("cpio: %w: %s", err, stderr.String())
	}
	return archive.Close()
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
