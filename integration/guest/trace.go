package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/agent-preflight/agent-preflight/integration/job"
)

// syscallInfo is struct ptrace_syscall_info up to what is needed of it, see ptrace(2).
type syscallInfo struct {
	op   uint8
	_    [3]uint8
	arch uint32
	ip   uint64
	sp   uint64
	nr   uint64    // at entry; the return value at exit
	args [6]uint64 // at entry
}

const (
	ptraceGetSyscallInfo = 0x420e
	infoEntry            = 1
	infoExit             = 2
	sysgood              = 0x80
)

// bpfCommands names the commands of bpf(2) that a probe uses.
var bpfCommands = map[uint64]string{
	0: "MAP_CREATE", 1: "MAP_LOOKUP_ELEM", 2: "MAP_UPDATE_ELEM", 5: "PROG_LOAD",
	15: "OBJ_GET_INFO_BY_FD", 17: "RAW_TRACEPOINT_OPEN", 18: "BTF_LOAD", 28: "LINK_CREATE", 36: "TOKEN_CREATE",
}

// trace runs a command under ptrace and records its calls of bpf(2), or kills
// it on return from one of them.
func trace(ctx context.Context, argv []string, kill job.Kill) job.Result {
	// All requests must come from the thread that is the tracer.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	out, err := os.CreateTemp("/run", "out")
	if err != nil {
		return job.Result{Error: err.Error()}
	}
	defer os.Remove(out.Name())
	defer out.Close()
	process, err := os.StartProcess(argv[0], argv, &os.ProcAttr{
		Files: []*os.File{nil, out, out},
		Env:   environment,
		Sys:   &syscall.SysProcAttr{Ptrace: true},
	})
	if err != nil {
		return job.Result{Error: err.Error()}
	}
	t := tracer{pid: process.Pid, kill: kill, entered: map[int]string{}}
	result := t.loop(ctx)
	result.BPFCalls = t.calls
	if _, err := out.Seek(0, io.SeekStart); err == nil {
		text, _ := io.ReadAll(out)
		result.Stdout = string(text)
	}
	return result
}

type tracer struct {
	pid     int
	kill    job.Kill
	calls   []string
	entered map[int]string // thread -> command of the bpf(2) call that it is in
}

func (t *tracer) loop(ctx context.Context) job.Result {
	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_EXITKILL
	for first := true; ; first = false {
		var status unix.WaitStatus
		thread, err := unix.Wait4(-1, &status, unix.WALL, nil)
		if err != nil {
			return job.Result{Error: fmt.Sprintf("wait for the traced command: %v", err)}
		}
		if thread == t.pid && status.Exited() {
			return job.Result{ExitCode: status.ExitStatus()}
		}
		if thread == t.pid && status.Signaled() {
			return job.Result{ExitCode: -1, Signal: status.Signal().String()}
		}
		if ctx.Err() != nil {
			_ = unix.Kill(t.pid, unix.SIGKILL)
			continue
		}
		if !status.Stopped() {
			continue
		}
		if first {
			if err := unix.PtraceSetOptions(thread, options); err != nil {
				return job.Result{Error: fmt.Sprintf("trace: %v", err)}
			}
		}
		deliver := 0
		switch signal := status.StopSignal(); {
		case signal == unix.SIGTRAP|sysgood:
			t.atSyscall(thread)
		case signal != unix.SIGTRAP && signal != unix.SIGSTOP:
			deliver = int(signal)
		}
		_ = unix.PtraceSyscall(thread, deliver) // ESRCH where it was killed just now
	}
}

func (t *tracer) atSyscall(thread int) {
	var info syscallInfo
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, ptraceGetSyscallInfo, uintptr(thread),
		unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 {
		return
	}
	switch {
	case info.op == infoEntry && info.nr == unix.SYS_BPF:
		name, ok := bpfCommands[info.args[0]]
		if !ok {
			name = fmt.Sprintf("command %d", info.args[0])
		}
		t.entered[thread] = name
	case info.op == infoExit && t.entered[thread] != "":
		t.calls = append(t.calls, t.entered[thread])
		delete(t.entered, thread)
		if len(t.calls) == t.kill.BPFCall {
			_ = unix.Kill(t.pid, unix.SIGKILL)
		}
	}
}
