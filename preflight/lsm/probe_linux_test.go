package lsm

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/agent-preflight/agent-preflight/preflight/lsm/bpf"
)

// script is a loader that fails where it is told to.
type script struct {
	errs     map[Stage]error
	readErr  error
	writeErr error
	state    bpf.State
	attaches int
	free     int // attaching succeeds after so many refusals
}

func (s *script) open() error { return s.errs[StageOpen] }
func (s *script) load() error { return s.errs[StageLoad] }
func (s *script) attach() error {
	s.attaches++
	if s.free > 0 && s.attaches > s.free {
		return nil
	}
	return s.errs[StageAttach]
}
func (s *script) read() (bpf.State, error)    { return s.state, s.readErr }
func (s *script) write(state bpf.State) error { s.state = state; return s.writeErr }
func (s *script) close()                      {}
func (s *script) log() []string               { return []string{"a line"} }

func TestProbeStops(t *testing.T) {
	wrap := func(errno error) error { return fmt.Errorf("loader: %w", errno) }
	for _, tt := range []struct {
		name  string
		l     script
		stage Stage
		errno string
	}{
		{"object is broken", script{errs: map[Stage]error{StageOpen: errors.New("bad ELF")}}, StageOpen, ""},
		{"load refused", script{errs: map[Stage]error{StageLoad: wrap(unix.EPERM)}}, StageLoad, "EPERM"},
		{"no trampoline", script{errs: map[Stage]error{StageAttach: wrap(syscall.Errno(524))}}, StageAttach, "ENOTSUPP"},
		{"program is silent", script{}, StageFire, ""},
		{"counters cannot be read", script{readErr: wrap(unix.EBADF)}, StageFire, "EBADF"},
		{"sentinel cannot be told", script{writeErr: wrap(unix.EBADF)}, StageFire, "EBADF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var entered []Stage
			got := probe(&tt.l, func(s Stage) { entered = append(entered, s) })
			if got.Stage != tt.stage || got.Errno != tt.errno {
				t.Errorf("stage %q, errno %q, want %q, %q: %s", got.Stage, got.Errno, tt.stage, tt.errno, got.Err)
			}
			if entered[len(entered)-1] != tt.stage {
				t.Errorf("entered %v", entered)
			}
			if len(got.Log) != 1 {
				t.Errorf("log %v", got.Log)
			}
		})
	}
}

func TestAttachPatiently(t *testing.T) {
	full := func(free int, errno error) *script {
		return &script{errs: map[Stage]error{StageAttach: errno}, free: free}
	}
	for _, tt := range []struct {
		name     string
		l        *script
		want     error
		attaches int
	}{
		{"free at once", full(0, nil), nil, 1},
		{"hook full, then not", full(2, unix.E2BIG), nil, 3},
		{"hook busy, then not", full(1, unix.EBUSY), nil, 2},
		{"not a matter of patience", full(0, enotsupp), enotsupp, 1},
	} {
		p := prober{loader: tt.l}
		if err := p.attachPatiently(); err != tt.want || tt.l.attaches != tt.attaches {
			t.Errorf("%s: %v after %d attempts, want %v after %d", tt.name, err, tt.l.attaches, tt.want, tt.attaches)
		}
	}
	for errno, patience := range map[error]time.Duration{unix.E2BIG: 2 * time.Second, unix.EBUSY: 400 * time.Millisecond} {
		start := time.Now()
		p := prober{loader: full(0, errno)}
		if err := p.attachPatiently(); err != errno {
			t.Errorf("always %v: %v", errno, err)
		}
		if took := time.Since(start); took < patience {
			t.Errorf("gave up after %v of %v", took, errno)
		}
	}
}

func TestSentinel(t *testing.T) {
	f, err := newFile()
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	ino, dev, err := f.id()
	if err != nil || ino == 0 {
		t.Errorf("inode %d, device %d, %v", ino, dev, err)
	}
	if err := f.reopen(); err != nil {
		t.Error(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(fmt.Sprintf("/proc/self/fd/%d", f.fd), &st); err != nil || st.Ino != ino {
		t.Errorf("through /proc it is inode %d, want %d: %v", st.Ino, ino, err)
	}
	if st.Nlink != 0 {
		t.Errorf("it has %d names", st.Nlink)
	}
}

func TestErrnoOf(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{errors.New("x"), ""},
		{unix.EPERM, "EPERM"},
		{fmt.Errorf("a: %w", &os.PathError{Op: "open", Path: "x", Err: unix.ENOENT}), "ENOENT"},
		{syscall.Errno(524), "ENOTSUPP"},
		{syscall.Errno(523), "523"},
		{syscall.Errno(0), ""},
	} {
		if got := errnoOf(tt.err); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.err, got, tt.want)
		}
	}
}

// TestLoadersLeaveNothing runs each loader on this machine, whatever it allows,
// and looks at what a process can leak or change.
func TestLoadersLeaveNothing(t *testing.T) {
	for _, l := range loaders {
		t.Run(string(l.name), func(t *testing.T) {
			one := func() {
				c := New(WithLoader(l.name))
				if got := c.Run(t.Context()); got.Reason == Internal {
					t.Errorf("%s: %+v", got.Summary, got.Facts)
				}
				if err := c.Wait(t.Context()); err != nil {
					t.Error(err)
				}
			}
			one() // the loaders' own caches
			before := processState(t)
			for range 5 {
				one()
			}
			if after := processState(t); after != before {
				t.Errorf("before %s\nafter  %s", before, after)
			}
		})
	}
}

// processState is what a library has no business changing.
func processState(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit); err != nil {
		t.Fatal(err)
	}
	mask := unix.Umask(0)
	unix.Umask(mask)
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "descriptors %d, memlock %v, umask %o, directory %s, mounts %s", len(fds), limit, mask, dir, mounts)
	return b.String()
}
