package qemu

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

// AccelVariable chooses kvm or tcg; empty means kvm where it works.
const AccelVariable = "PREFLIGHT_ACCEL"

// kvmBound is how long a guest may take to say something under KVM before it is
// taken not to work. A working one takes a second.
const kvmBound = 5 * time.Second

var kvmWorks = struct {
	sync.Mutex
	tried, works bool
}{}

// accelFor says how to run the guest. A /dev/kvm that opens proves little: it
// may be nested and unable to run a whole kernel, so the first guest is tried.
func accelFor(ctx context.Context, m machine, b Boot) string {
	if b.ICount {
		return "tcg"
	}
	if accel := os.Getenv(AccelVariable); accel != "" {
		return accel
	}
	if m.goarch != runtime.GOARCH {
		return "tcg"
	}
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return "tcg"
	}
	f.Close()

	kvmWorks.Lock()
	defer kvmWorks.Unlock()
	if !kvmWorks.tried {
		kvmWorks.tried, kvmWorks.works = true, tryKVM(ctx, m, b)
	}
	if kvmWorks.works {
		return "kvm"
	}
	return "tcg"
}

// tryKVM boots the kernel without an init, so that it panics and stops at once.
func tryKVM(ctx context.Context, m machine, b Boot) bool {
	ctx, cancel := context.WithTimeout(ctx, kvmBound)
	defer cancel()
	empty := filepath.Join(os.TempDir(), "preflight-empty-initrd")
	if err := os.WriteFile(empty, nil, 0o644); err != nil {
		return false
	}
	defer os.Remove(empty)
	args := m.arguments(Boot{Kernel: b.Kernel}, "kvm", empty)
	return exec.CommandContext(ctx, m.binary, args...).Run() == nil
}
