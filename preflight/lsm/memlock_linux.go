package lsm

import (
	"sync"

	"golang.org/x/sys/unix"
)

// Up to kernel 5.10 the memory of BPF programs and maps counts towards
// RLIMIT_MEMLOCK; from 5.11 it is charged to the memory cgroup (3ac1f01b43b6
// and the commits before it) and the limit does not matter.

// memlockLift is the process's limit while checks load programs. The limit is
// one for the whole process, so checks in different goroutines must share it.
var memlockLift struct {
	sync.Mutex
	holders int
	old     unix.Rlimit
}

// liftMemlock lifts RLIMIT_MEMLOCK as far as this process may, on kernels where
// it matters, and returns the function that puts it back. The last of several
// holders does so.
func liftMemlock() (restore func()) {
	release, _ := uname()
	if !olderThan(release, 5, 11) {
		return func() {}
	}
	m := &memlockLift
	m.Lock()
	defer m.Unlock()
	if m.holders == 0 {
		if unix.Getrlimit(unix.RLIMIT_MEMLOCK, &m.old) != nil {
			return func() {}
		}
		lifted := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
		if unix.Setrlimit(unix.RLIMIT_MEMLOCK, &lifted) != nil {
			// Without CAP_SYS_RESOURCE the hard limit is the most.
			_ = unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: m.old.Max, Max: m.old.Max})
		}
	}
	m.holders++
	return func() {
		m.Lock()
		defer m.Unlock()
		if m.holders--; m.holders == 0 {
			_ = unix.Setrlimit(unix.RLIMIT_MEMLOCK, &m.old)
		}
	}
}
