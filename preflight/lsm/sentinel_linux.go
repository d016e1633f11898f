package lsm

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// file is an anonymous file that nobody else can open by name. Opening it again
// through /proc/self/fd passes file_open as any open does; making it does not.
type file struct{ fd int }

// newFile makes an anonymous file: in memory, or, where memfd_create is
// refused, an unnamed one in a directory for temporary files. None needs
// cleaning up: it is gone with its last descriptor.
func newFile() (file, error) {
	fd, err := memfd()
	if err == nil {
		return file{fd}, nil
	}
	errs := []error{fmt.Errorf("memfd_create: %w", err)}
	for _, dir := range tempDirs() {
		// O_TMPFILE: open(2); the file never has a name.
		fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
		if err == nil {
			return file{fd}, nil
		}
		errs = append(errs, &os.PathError{Op: "open unnamed file in", Path: dir, Err: err})
	}
	return file{-1}, errors.Join(errs...)
}

func memfd() (int, error) {
	const name = "agent-preflight"
	// Kernels from 6.3 warn, and may refuse, where neither MFD_EXEC nor
	// MFD_NOEXEC_SEAL is given (105ff5339f49); older ones know neither.
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) {
		fd, err = unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	}
	return fd, err
}

// tempDirs lists where an unnamed file may be made. Memory comes first: on
// overlayfs and btrfs stat(2) tells another device number than the kernel's
// own, and the program would not know the file again.
func tempDirs() []string {
	return []string{"/dev/shm", "/run", os.TempDir(), "/var/tmp"}
}

// id returns the numbers by which the program knows the file: the inode and
// the device as the kernel encodes it (MKDEV in include/linux/kdev_t.h).
func (f file) id() (ino uint64, dev uint32, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(f.fd, &st); err != nil {
		return 0, 0, fmt.Errorf("fstat sentinel: %w", err)
	}
	d := uint64(st.Dev) //nolint:unconvert // 32 bits on some architectures
	return st.Ino, unix.Major(d)<<20 | unix.Minor(d), nil
}

// reopen opens the file anew and closes it at once.
func (f file) reopen() error {
	fd, err := unix.Open("/proc/self/fd/"+strconv.Itoa(f.fd), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open sentinel through /proc/self/fd: %w", err)
	}
	unix.Close(fd)
	return nil
}

func (f file) close() {
	if f.fd >= 0 {
		unix.Close(f.fd)
	}
}
