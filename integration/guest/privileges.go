package main

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/agent-preflight/agent-preflight/integration/job"
)

const lastCap = 63

// privileges gives up what the setup says, for the thread that execs.
func privileges(s job.Setup) error {
	keep := func(c int) bool {
		if s.UID != 0 {
			return slices.Contains(s.Keep, c)
		}
		return !slices.Contains(s.Drop, c)
	}
	if s.UID == 0 && len(s.Drop) == 0 {
		return nil
	}
	for c := range lastCap + 1 {
		if keep(c) {
			continue
		}
		// EINVAL: beyond the last capability of this kernel.
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0); err != nil && err != unix.EINVAL {
			return fmt.Errorf("drop capability %d: %w", c, err)
		}
	}
	return setUser(s, keep)
}

func setUser(s job.Setup, keep func(int) bool) error {
	if s.UID != 0 {
		if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
			return err
		}
		if err := unix.Setresgid(s.UID, s.UID, s.UID); err != nil {
			return err
		}
		if err := unix.Setresuid(s.UID, s.UID, s.UID); err != nil {
			return err
		}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	for c := range lastCap + 1 {
		if bit := uint32(1) << (c % 32); !keep(c) {
			data[c/32].Effective &^= bit
			data[c/32].Permitted &^= bit
			data[c/32].Inheritable &^= bit
		} else if s.UID != 0 {
			data[c/32].Effective |= bit & data[c/32].Permitted
			data[c/32].Inheritable |= bit & data[c/32].Permitted
		}
	}
	if err := unix.Capset(&header, &data[0]); err != nil {
		return err
	}
	for _, c := range s.Keep {
		if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, uintptr(c), 0, 0); err != nil {
			return fmt.Errorf("raise ambient capability %d: %w", c, err)
		}
	}
	return nil
}
