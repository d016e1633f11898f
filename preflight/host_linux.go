package preflight

import "golang.org/x/sys/unix"

func uname() (release, machine string) {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return "", ""
	}
	return unix.ByteSliceToString(uts.Release[:]), unix.ByteSliceToString(uts.Machine[:])
}
