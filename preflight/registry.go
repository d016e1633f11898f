package preflight

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// DefaultTimeout bounds each check unless WithTimeout says otherwise. A check
// takes some tens of milliseconds on an idle machine; the bound is for machines
// that are emulated, swapping, or hang in a system call.
const DefaultTimeout = 10 * time.Second

// Check is one named question put to the host.
type Check interface {
	// Name is short, lower case and constant.
	Name() string
	// Run answers the question. It should return before the deadline of ctx;
	// the registry stops waiting for it then. It must be safe for concurrent use.
	Run(ctx context.Context) Result
}

// Registry holds checks. It is safe for concurrent use.
type Registry struct {
	mu      sync.Mutex
	checks  []Check
	timeout time.Duration
}

// NewRegistry returns a registry of the given checks, in that order.
// Two checks of one name are an error.
func NewRegistry(checks ...Check) (*Registry, error) {
	r := &Registry{timeout: DefaultTimeout}
	for _, c := range checks {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Register adds a check. A nil check, one without a name, and one whose name
// is taken are errors.
func (r *Registry) Register(c Check) error {
	if c == nil {
		return errors.New("register check: nil")
	}
	name := c.Name()
	if name == "" {
		return errors.New("register check: no name")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, other := range r.checks {
		if other.Name() == name {
			return fmt.Errorf("register check %q: the name is taken", name)
		}
	}
	r.checks = append(r.checks, c)
	return nil
}

// SetTimeout sets the time that each check has. Zero or less means no bound
// other than the caller's context.
func (r *Registry) SetTimeout(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.timeout = d
}

// Names lists the registered checks in order.
func (r *Registry) Names() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := make([]string, len(r.checks))
	for i, c := range r.checks {
		names[i] = c.Name()
	}
	return names
}

// Run runs all checks side by side and reports their results in the order of
// registration. It never panics and never outlives the deadline: a check that
// panics is Unknown with the reason Internal, and one that does not return in
// time is Unknown with the reason TimedOut while it finishes behind the
// caller's back.
func (r *Registry) Run(ctx context.Context) Report {
	r.mu.Lock()
	checks := append([]Check(nil), r.checks...)
	timeout := r.timeout
	r.mu.Unlock()

	results := make([]Result, len(checks))
	var wg sync.WaitGroup
	for i, c := range checks {
		wg.Go(func() { results[i] = runBounded(ctx, c, timeout) })
	}
	wg.Wait()
	return newReport(ThisHost(), results)
}

// headStart is how much earlier than the registry a check learns of its
// deadline: a check that stops by itself says more than "timed out".
func headStart(timeout time.Duration) time.Duration {
	return min(timeout/10, 50*time.Millisecond)
}

func runBounded(ctx context.Context, c Check, timeout time.Duration) Result {
	start := time.Now()
	checkCtx := ctx
	if timeout > 0 {
		var cancel, cancelCheck context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
		checkCtx, cancelCheck = context.WithTimeout(ctx, timeout-headStart(timeout))
		defer cancelCheck()
	}

	done := make(chan Result, 1) // buffered: a late check must not block for ever
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- Result{
					Reason:  Internal,
					Summary: Printable(fmt.Sprintf("the check panicked: %v", p)),
					Facts:   []Fact{{Name: "panic.stack", Value: string(debug.Stack()), Source: "runtime"}},
				}
			}
		}()
		done <- c.Run(checkCtx)
	}()

	var result Result
	select {
	case result = <-done:
	case <-ctx.Done():
		result = Interrupted(ctx.Err())
	}
	return complete(result, c.Name(), time.Since(start))
}

// Interrupted is the result of a check that could not finish because its
// context ended with err.
func Interrupted(err error) Result {
	if errors.Is(err, context.DeadlineExceeded) {
		return Result{
			Reason: TimedOut, Summary: "the check did not finish before its deadline",
			Remedy: Remedy{Summary: "Run it again with more time."},
		}
	}
	return Result{
		Reason: Cancelled, Summary: "the check was cancelled before it finished",
		Remedy: Remedy{Summary: "Run it again."},
	}
}

// complete fills in what every result has, so that the JSON holds no null.
func complete(r Result, name string, elapsed time.Duration) Result {
	r.Name = name
	if r.Doc == "" && r.Reason != "" {
		r.Doc = r.Reason.Doc()
	}
	if r.Facts == nil {
		r.Facts = []Fact{}
	}
	if r.Remedy.Commands == nil {
		r.Remedy.Commands = []string{}
	}
	if r.ElapsedMS == 0 {
		r.ElapsedMS = float64(elapsed.Microseconds()) / 1000
	}
	return r
}
