package lsm

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/agent-preflight/agent-preflight/preflight"
)

// fake is a host that answers with given results, one an attempt.
type fake struct {
	results  []preflight.Result
	attempts atomic.Int32
	detached atomic.Int32
	examine  chan struct{} // examining waits for it
	detach   chan struct{} // detaching waits for it
}

func newFake(results ...preflight.Result) (*fake, *Check) {
	f := &fake{results: results, examine: make(chan struct{}), detach: make(chan struct{})}
	c := New()
	c.examine = func(enter func(Stage)) (preflight.Result, func()) {
		n := int(f.attempts.Add(1)) - 1
		enter(StageLoad)
		<-f.examine
		return f.results[min(n, len(f.results)-1)], func() { <-f.detach; f.detached.Add(1) }
	}
	return f, c
}

var (
	passed  = preflight.Result{Status: preflight.Pass, Reason: Enforced}
	unknown = preflight.Result{Status: preflight.Unknown, Reason: MissingCapability}
)

func TestVerdictBeforeDetach(t *testing.T) {
	f, c := newFake(passed)
	close(f.examine)
	if got := c.Run(t.Context()); got.Status != preflight.Pass {
		t.Errorf("got %v", got)
	}
	if f.detached.Load() != 0 {
		t.Fatal("the verdict came after the detach")
	}
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := c.Wait(short); err == nil {
		t.Error("Wait returned while the program was attached")
	}
	close(f.detach)
	if err := c.Wait(t.Context()); err != nil || f.detached.Load() != 1 {
		t.Errorf("Wait: %v, detached %d times", err, f.detached.Load())
	}
}

func TestConclusiveResultIsKept(t *testing.T) {
	f, c := newFake(unknown, passed, unknown)
	close(f.examine)
	close(f.detach)
	for i, want := range []preflight.Status{preflight.Unknown, preflight.Pass, preflight.Pass} {
		if got := c.Run(t.Context()); got.Status != want {
			t.Errorf("run %d: %v, want %v", i, got.Status, want)
		}
	}
	if got := f.attempts.Load(); got != 2 {
		t.Errorf("%d attempts, want 2: an unknown result is probed again, a conclusive one is not", got)
	}
}

func TestWhatIsNotKept(t *testing.T) {
	part := passed
	part.Features = []preflight.FeatureResult{{Feature: "lsm/x", Status: preflight.Unknown, Reason: OutOfResources}}
	for name, first := range map[string]preflight.Result{
		"a part is unknown":       part,
		"mended by a sysctl":      {Status: preflight.Fail, Reason: FtraceDisabled},
		"mended by mounting /sys": {Status: preflight.Fail, Reason: NoKernelBTF},
	} {
		f, c := newFake(first, passed)
		close(f.examine)
		close(f.detach)
		c.Run(t.Context())
		if got := c.Run(t.Context()); got.Reason != Enforced || len(got.Features) != 0 || f.attempts.Load() != 2 {
			t.Errorf("%s: %v after %d attempts", name, got, f.attempts.Load())
		}
	}
}

func TestConcurrentRunsShareAProbe(t *testing.T) {
	f, c := newFake(passed)
	close(f.detach)
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			if got := c.Run(t.Context()); got.Status != preflight.Pass {
				t.Error(got)
			}
		})
	}
	time.Sleep(10 * time.Millisecond) // lets most of them arrive; they may also come later
	close(f.examine)
	wg.Wait()
	if got := f.attempts.Load(); got != 1 {
		t.Errorf("%d attempts, want 1", got)
	}
}

func TestDeadlineWhileASystemCallHangs(t *testing.T) {
	f, c := newFake(passed)
	close(f.detach)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	got := c.Run(ctx)
	if got.Status != preflight.Unknown || got.Reason != TimedOut || got.Stage != string(StageLoad) {
		t.Errorf("got %v %v in stage %q", got.Status, got.Reason, got.Stage)
	}
	// Another caller joins the attempt that hangs; none is added to it.
	again, cancelAgain := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancelAgain()
	if got := c.Run(again); got.Reason != TimedOut || f.attempts.Load() != 1 {
		t.Errorf("again: %v after %d attempts", got.Reason, f.attempts.Load())
	}
	// The system call returns: the attempt cleans up, and its result counts.
	close(f.examine)
	if err := c.Wait(t.Context()); err != nil || f.detached.Load() != 1 {
		t.Errorf("Wait: %v, detached %d times", err, f.detached.Load())
	}
	if got := c.Run(t.Context()); got.Status != preflight.Pass || f.attempts.Load() != 1 {
		t.Errorf("afterwards: %v after %d attempts", got.Status, f.attempts.Load())
	}
}

func TestCancelledBeforeStart(t *testing.T) {
	f, c := newFake(passed)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := c.Run(ctx); got.Reason != Cancelled || f.attempts.Load() != 0 {
		t.Errorf("got %v after %d attempts", got.Reason, f.attempts.Load())
	}
}

func TestPanicIsUnknown(t *testing.T) {
	c := New()
	c.examine = func(func(Stage)) (preflight.Result, func()) { panic("boom") }
	got := c.Run(t.Context())
	if got.Status != preflight.Unknown || got.Reason != Internal {
		t.Errorf("got %v %v", got.Status, got.Reason)
	}
	if err := c.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestUnknownLoader(t *testing.T) {
	got := New(WithLoader("nothing")).Run(t.Context())
	if got.Status != preflight.Unknown {
		t.Errorf("got %v %v", got.Status, got.Reason)
	}
}
