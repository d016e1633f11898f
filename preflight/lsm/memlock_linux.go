package lsm

import "golang.org/x/sys/unix"

// Up to kernel 5.10 the memory of BPF programs and maps counts towards
// RLIMIT_MEMLOCK; from 5.11 it is charged to the memory cgroup
// (3ac1f01b43b6 and the commits before it) and the limit does not matter.

// raiseMemlock lifts RLIMIT_MEMLOCK as far as this process may and returns the
// function that puts it back. raised is false where there was nothing to lift.
func raiseMemlock() (restore func(), raised bool) {
	var old unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_MEMLOCK, &old) != nil || old.Cur == unix.RLIM_INFINITY {
		return nil, false
	}
	lifted := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	if unix.Setrlimit(unix.RLIMIT_MEMLOCK, &lifted) != nil {
		// Without CAP_SYS_RESOURCE the hard limit is the most.
		lifted = unix.Rlimit{Cur: old.Max, Max: old.Max}
		if old.Cur == old.Max || unix.Setrlimit(unix.RLIMIT_MEMLOCK, &lifted) != nil {
			return nil, false
		}
	}
	return func() { _ = unix.Setrlimit(unix.RLIMIT_MEMLOCK, &old) }, true
}
