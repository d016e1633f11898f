package lsm

import (
	"errors"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// enotsupp is the kernel's own ENOTSUPP (include/linux/errno.h). It is not
// meant to reach user space, yet bpf(2) returns it; neither Go nor libc names it.
const enotsupp = syscall.Errno(524)

// errnoOf returns the symbolic name of the errno inside err, or "".
func errnoOf(err error) string {
	var errno syscall.Errno
	if err == nil || !errors.As(err, &errno) || errno == 0 {
		return ""
	}
	if errno == enotsupp {
		return "ENOTSUPP"
	}
	if name := unix.ErrnoName(errno); name != "" {
		return name
	}
	return strconv.Itoa(int(errno))
}
