package lsm

import (
	"io/fs"
	"os"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Hooks returns the table of hooks of the running kernel, sorted by name. It
// loads programs and attaches none: it tells what the verifier takes, not what
// fires. The error says why the kernel's BTF could not be read, or that this
// process may not load LSM programs, so that the verifier was not asked.
func Hooks() ([]Hook, error) {
	defer liftMemlock()()
	return newHookTable(thisSurface{os.DirFS("/")}).all()
}

// thisSurface is the running kernel.
type thisSurface struct{ root fs.FS }

func (s thisSurface) hooks() (map[string]uint32, error) {
	raw, err := readAll(s.root, btfPath, maxBTF)
	if err != nil {
		return nil, err
	}
	blob, err := parseBTF(raw)
	if err != nil {
		return nil, err
	}
	functions, err := blob.functions(hookPrefix, hookUnion)
	if err != nil {
		return nil, err
	}
	ids := make(map[string]uint32, len(functions))
	for name, id := range functions {
		ids[strings.TrimPrefix(name, hookPrefix)] = id
	}
	return ids, nil
}

// loadAttr is union bpf_attr for BPF_PROG_LOAD, include/uapi/linux/bpf.h, up to
// what LSM programs need.
type loadAttr struct {
	programType        uint32
	count              uint32
	instructions       uint64
	license            uint64
	logLevel           uint32
	logSize            uint32
	logBuffer          uint64
	kernelVersion      uint32
	flags              uint32
	name               [16]byte
	ifindex            uint32
	expectedAttachType uint32
	btfFD              uint32
	funcInfoRecSize    uint32
	funcInfo           uint64
	funcInfoCount      uint32
	lineInfoRecSize    uint32
	lineInfo           uint64
	lineInfoCount      uint32
	attachBTFID        uint32
}

// instruction is struct bpf_insn. The registers stay 0, which is r0 in
// either byte order.
type instruction struct {
	opcode    uint8
	_         uint8 // registers: r0
	_         int16 // offset
	immediate int32
}

const (
	bpfProgLoad    = 5
	programTypeLSM = 29
	flagSleepable  = 1 << 4 // BPF_F_SLEEPABLE, from 5.10
)

// accepts makes the call itself: cilium/ebpf does not load lsm_cgroup programs,
// and neither library can be told the BTF id that is known here already.
func (thisSurface) accepts(k kind, id uint32) string {
	program := [...]instruction{
		{opcode: 0xb7, immediate: k.goOn}, // r0 = goOn
		{opcode: 0x95},                    // exit
	}
	license := [...]byte{'G', 'P', 'L', 0}
	attr := loadAttr{
		programType:        programTypeLSM,
		count:              uint32(len(program)),
		instructions:       uint64(uintptr(unsafe.Pointer(&program))),
		license:            uint64(uintptr(unsafe.Pointer(&license))),
		expectedAttachType: k.attachType,
		attachBTFID:        id,
	}
	if k.sleepable {
		attr.flags = flagSleepable
	}
	fd, _, errno := unix.Syscall(unix.SYS_BPF, bpfProgLoad, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	runtime.KeepAlive(&program)
	runtime.KeepAlive(&license)
	if errno != 0 {
		return errnoOf(errno)
	}
	unix.Close(int(fd))
	return ""
}
