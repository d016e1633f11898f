//go:build linux && cgo && !nolibbpf

package lsm

/*
#cgo LDFLAGS: -lbpf -Wl,--wrap=libbpf_set_print
#include <stdlib.h>
#include <bpf/libbpf.h>
#include "libbpf_log.h"

// glibc keeps the megabytes of type information that libbpf has freed; musl
// has no such function, nor the need.
#pragma weak malloc_trim
int malloc_trim(size_t);

static void give_back(void)
{
	if (malloc_trim)
		malloc_trim(0);
}
*/
import "C"

import (
	"strings"
	"unsafe"

	"github.com/aquasecurity/libbpfgo"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/agent-preflight/agent-preflight/preflight"
	"github.com/agent-preflight/agent-preflight/preflight/lsm/bpf"
)

var loaders = []namedLoader{{Libbpf, newLibbpf}, {EBPF, newEBPF}}

// libbpfLoader loads the object with libbpf, by way of libbpfgo.
type libbpfLoader struct {
	module  *libbpfgo.Module
	program *libbpfgo.BPFProg
	state   *libbpfgo.BPFMap
	logger  *zap.Logger
	lines   []string
}

func newLibbpf(logger *zap.Logger) loader { return &libbpfLoader{logger: logger} }

func (l *libbpfLoader) open() (err error) {
	defer l.listen()()
	l.module, err = libbpfgo.NewModuleFromBufferArgs(libbpfgo.NewModuleArgs{
		BPFObjBuff: bpf.Object,
		BPFObjName: "preflight",
		// libbpfgo's own raising fails without CAP_SYS_RESOURCE, and lowers
		// a limit that is higher.
		SkipMemlockBump: true,
	})
	return err
}

func (l *libbpfLoader) load() error {
	defer l.listen()()
	defer liftMemlock()()
	keep := keepMemlock()
	if err := l.module.BPFLoadObject(); err != nil {
		keep()
		return err
	}
	var err error
	if l.program, err = l.module.GetProgram(bpf.Program); err != nil {
		return err
	}
	l.state, err = l.module.GetMap(bpf.Map)
	return err
}

func (l *libbpfLoader) attach() error {
	defer l.listen()()
	_, err := l.program.AttachLSM() // the module keeps the link
	return err
}

func (l *libbpfLoader) read() (state bpf.State, err error) {
	key := uint32(0)
	value, err := l.state.GetValue(unsafe.Pointer(&key))
	if err != nil {
		return state, err
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&state)), unsafe.Sizeof(state)), value)
	return state, nil
}

func (l *libbpfLoader) write(state bpf.State) error {
	key := uint32(0)
	return l.state.Update(unsafe.Pointer(&key), unsafe.Pointer(&state))
}

func (l *libbpfLoader) close() {
	if l.module != nil {
		defer l.listen()()
		l.module.Close()
		C.give_back()
	}
}

func (l *libbpfLoader) log() []string { return l.lines }

// listen collects the lines that libbpf writes on this thread until the
// returned function is called. Lines of other threads go where they went.
func (l *libbpfLoader) listen() (stop func()) {
	debug := C.int(0)
	if l.logger.Core().Enabled(zap.DebugLevel) {
		debug = 1
	}
	C.preflight_log_start(debug)
	return func() {
		text := C.preflight_log_stop()
		defer C.free(unsafe.Pointer(text))
		for _, message := range strings.Split(C.GoString(text), "\x1e")[1:] {
			level := message[0] - '0'
			for line := range strings.SplitSeq(strings.TrimSpace(message[1:]), "\n") {
				l.logger.Debug(preflight.Printable(line), zap.String("from", "libbpf"))
				if level == C.LIBBPF_WARN {
					l.lines = append(l.lines, line)
				}
			}
		}
	}
}

// keepMemlock returns a function that undoes what libbpf does about the limit
// where its test for the kernel's accounting fails, be it for lack of privilege:
// it raises the limit, on any kernel.
func keepMemlock() (restore func()) {
	var old unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_MEMLOCK, &old) != nil {
		return func() {}
	}
	return func() {
		var now unix.Rlimit
		if unix.Getrlimit(unix.RLIMIT_MEMLOCK, &now) == nil && now != old {
			_ = unix.Setrlimit(unix.RLIMIT_MEMLOCK, &old)
		}
	}
}
