package lsm

import (
	"fmt"
	"os"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// thisHost is the running machine.
func thisHost() host {
	return host{
		root:    os.DirFS("/"),
		release: uname,
		modules: listModules,
		memlock: memlock,
		gate:    gate,
		control: control,
	}
}

func uname() (release, machine string) {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return "", ""
	}
	return unix.ByteSliceToString(uts.Release[:]), unix.ByteSliceToString(uts.Machine[:])
}

// listModules asks lsm_list_modules(2), which needs neither privilege nor
// securityfs and exists from kernel 6.8 (ad4aff9ec25f).
func listModules() ([]uint64, error) {
	var ids [64]uint64
	size := [2]uint32{uint32(unsafe.Sizeof(ids))} // the kernel reads a u32; a size_t was proposed once
	n, _, errno := unix.Syscall(unix.SYS_LSM_LIST_MODULES,
		uintptr(unsafe.Pointer(&ids)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return nil, errno
	}
	if n > uintptr(len(ids)) {
		return nil, fmt.Errorf("%d modules", n)
	}
	return ids[:n], nil
}

func memlock() (uint64, error) {
	var limit unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit)
	return limit.Cur, err
}

// gate calls bpf(2) with a command that no kernel knows: EINVAL means that the
// call reached the kernel's BPF code, ENOSYS and EPERM that it was stopped before.
func gate() string {
	_, _, errno := unix.Syscall(unix.SYS_BPF, 0x7fff, 0, 0)
	return errnoOf(errno)
}

// control loads "return 0" as a program of a type.
func control(programType uint32) string {
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type:         ebpf.ProgramType(programType),
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
		License:      "GPL",
	})
	if err != nil {
		if name := errnoOf(err); name != "" {
			return name
		}
		return err.Error()
	}
	program.Close()
	return loads
}
