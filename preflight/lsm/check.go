package lsm

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/agent-preflight/agent-preflight/preflight"
)

// Name is the name of the check in a registry.
const Name = "lsm"

// Check is the LSM check. It is safe for concurrent use: while a probe is under
// way other callers wait for it. A result that holds for the rest of this boot is
// kept; one that is unknown in any part, or that can be mended without a reboot,
// is probed again by the next Run.
type Check struct {
	loader   Loader
	logger   *zap.Logger
	features []preflight.Feature

	// examine probes the host and diagnoses what it saw. The program stays
	// attached until detach is called, on the same goroutine.
	examine func(enter func(Stage)) (result preflight.Result, detach func())

	mu       sync.Mutex
	current  *attempt          // under way, or conclusive, or nil
	detached []<-chan struct{} // of attempts that may still hold the program
}

var _ preflight.Check = (*Check)(nil)

// Option changes how a Check works.
type Option func(*Check)

// WithLoader chooses the library that loads the program; the default is the
// first of Loaders. A loader that this binary lacks makes every result Unknown
// with the reason Internal.
func WithLoader(l Loader) Option { return func(c *Check) { c.loader = l } }

// WithLogger has the check write its steps, and libbpf's lines about them, at
// debug level. The default writes nothing.
func WithLogger(l *zap.Logger) Option { return func(c *Check) { c.logger = l } }

// WithFeatures has the check answer for these features, which libbpf would call
// by the same names: lsm/HOOK, lsm.s/HOOK and lsm_cgroup/HOOK. Others are left
// to other checks. Beyond file_open, which is proved, a program is loaded on
// each hook and never attached: what it would return could change the host.
func WithFeatures(features ...preflight.Feature) Option {
	return func(c *Check) { c.features = append(c.features, features...) }
}

// New returns the LSM check. Nothing is done before Run.
func New(options ...Option) *Check {
	c := &Check{logger: zap.NewNop()}
	c.examine = c.examineHost
	for _, o := range options {
		o(c)
	}
	return c
}

// Name implements preflight.Check.
func (c *Check) Name() string { return Name }

// Run proves or disproves that BPF LSM works on this host, and returns as soon
// as that is known or ctx ends. The program may still be attached then, for
// every file but its own without effect; Wait waits until it is not.
func (c *Check) Run(ctx context.Context) preflight.Result {
	start := time.Now()
	if err := ctx.Err(); err != nil {
		return c.interrupted(err, "", start)
	}
	a := c.join()
	select {
	case <-a.verdict:
		result := a.result
		result.Facts, result.Features = slices.Clone(result.Facts), slices.Clone(result.Features)
		result.ElapsedMS = milliseconds(time.Since(start))
		return result
	case <-ctx.Done():
		return c.interrupted(ctx.Err(), a.at(), start)
	}
}

// Wait returns when no program of this check is attached any more, or with the
// error of ctx.
func (c *Check) Wait(ctx context.Context) error {
	c.mu.Lock()
	pending := append([]<-chan struct{}(nil), c.detached...)
	c.mu.Unlock()
	for _, done := range pending {
		select {
		case <-done:
		case <-ctx.Done():
			return fmt.Errorf("wait for the detach: %w", ctx.Err())
		}
	}
	return nil
}

// attempt is one probe of the host, whose result several callers may wait for.
type attempt struct {
	verdict  chan struct{} // closed when result is set
	detached chan struct{} // closed when nothing of it is left in the kernel
	result   preflight.Result

	mu    sync.Mutex
	stage Stage
}

func (a *attempt) enter(s Stage) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stage = s
}

func (a *attempt) at() Stage {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stage
}

// join returns the attempt that is under way or conclusive, or starts one.
func (c *Check) join() *attempt {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current != nil {
		return c.current
	}
	a := &attempt{verdict: make(chan struct{}), detached: make(chan struct{})}
	c.current = a
	c.detached = append(unfinished(c.detached), a.detached)
	go c.work(a)
	return a
}

// unfinished keeps the channels that are not closed.
func unfinished(channels []<-chan struct{}) []<-chan struct{} {
	var open []<-chan struct{}
	for _, ch := range channels {
		select {
		case <-ch:
		default:
			open = append(open, ch)
		}
	}
	return open
}

// work is the goroutine behind an attempt. It outlives the callers where a
// system call hangs or they have no more time, and always cleans up.
func (c *Check) work(a *attempt) {
	defer close(a.detached)
	detach := func() {}
	defer func() { detach() }()

	a.result = preflight.Result{Reason: Internal, Summary: "the probe panicked"}
	defer func() {
		if p := recover(); p != nil {
			a.result.Summary += ": " + preflight.Printable(fmt.Sprint(p))
			c.settle(a)
		}
	}()
	a.result, detach = c.examine(a.enter)
	c.settle(a)
	// Let those who waited run first: with one processor they would else wait
	// until the scheduler notices that this thread is stuck in the detach.
	runtime.Gosched()
}

// settle publishes the result of an attempt.
func (c *Check) settle(a *attempt) {
	c.mu.Lock()
	if !lasting(a.result) {
		c.current = nil
	}
	c.mu.Unlock()
	close(a.verdict)
}

// lasting reports whether a result holds for the rest of this boot, with all its
// answers: nothing in it is unknown, and nothing but a reboot mends it.
func lasting(r preflight.Result) bool {
	if !r.Status.Conclusive() || r.Reason == FtraceDisabled || r.Reason == NoKernelBTF {
		return false
	}
	return !slices.ContainsFunc(r.Features, func(f preflight.FeatureResult) bool { return !f.Status.Conclusive() })
}

func (c *Check) interrupted(err error, stage Stage, start time.Time) preflight.Result {
	named, _ := findLoader(c.loader)
	o := Outcome{Loader: named.name, Stage: stage, Interrupted: preflight.Interrupted(err).Reason}
	result := newResult(nil, o)
	result.Features = answer(c.features, result, nil) // it did not pass: no hook is asked
	result.ElapsedMS = milliseconds(time.Since(start))
	return result
}

// newResult puts an outcome, the facts about it and what follows into words.
func newResult(f Facts, o Outcome) preflight.Result {
	d := Diagnose(f, o)
	return preflight.Result{
		Name:    Name,
		Status:  d.Status,
		Reason:  d.Reason,
		Stage:   string(o.Stage),
		Errno:   o.Errno,
		Loader:  string(o.Loader),
		Summary: d.Summary,
		Facts:   f,
		Remedy:  remedy(f, d),
		Doc:     d.Reason.Doc(),
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
