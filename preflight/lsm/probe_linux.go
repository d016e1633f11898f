package lsm

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/agent-preflight/agent-preflight/preflight/lsm/bpf"
)

// loader brings the embedded object into the kernel and talks to it. Its
// methods are called in this order, from one goroutine that is locked to its
// thread; close is called whatever happened before.
type loader interface {
	open() error
	load() error
	attach() error
	read() (bpf.State, error)
	write(bpf.State) error
	// close detaches and frees everything. It blocks for RCU grace periods.
	close()
	// log returns the lines written about all this so far.
	log() []string
}

// probe walks the stages until one fails and tells what it saw. enter is
// called at the beginning of each stage. The caller closes l afterwards.
func probe(l loader, enter func(Stage)) Outcome {
	p := prober{loader: l, enter: enter}
	p.run()
	p.out.Log = l.log()
	return p.out
}

type prober struct {
	loader
	enter func(Stage)
	out   Outcome
}

func (p *prober) run() {
	if !p.step(StageOpen, p.open) || !p.step(StageLoad, p.load) || !p.step(StageAttach, p.attachPatiently) {
		return
	}
	// The stage is fire from here on: where no sentinel can be had, the hook
	// could not be put to the test.
	p.stage(StageFire)

	sentinel, err := newFile()
	if err != nil {
		p.noSentinel(err)
		return
	}
	defer sentinel.close()
	other, err := newFile()
	if err != nil {
		p.noSentinel(err)
		return
	}
	defer other.close()
	// The program outlives this function, and a file system may give the inode
	// number of a closed file to somebody else's: forget it before closing.
	defer func() { _ = p.write(bpf.State{}) }()
	state, err := p.introduce(sentinel)
	if err != nil {
		p.noSentinel(err)
		return
	}

	p.out.Fire, err = p.observe(sentinel, other)
	if err != nil {
		p.fail(err)
		return
	}
	if p.out.Fire.Errno != "" || p.out.Fire.Matched == 0 {
		return
	}

	p.stage(StageEnforce)
	state.Deny = 1
	if err := p.write(state); err != nil {
		p.fail(err)
		return
	}
	p.out.Enforce, err = p.observe(sentinel, other)
	if err != nil {
		p.fail(err)
	}
}

func (p *prober) stage(s Stage) {
	p.out.Stage = s
	p.enter(s)
}

func (p *prober) step(s Stage, do func() error) bool {
	p.stage(s)
	if err := do(); err != nil {
		p.fail(err)
		return false
	}
	return true
}

func (p *prober) fail(err error) {
	p.out.Errno, p.out.Err = errnoOf(err), err.Error()
}

func (p *prober) noSentinel(err error) {
	p.out.NoSentinel = true
	p.fail(err)
}

// attachPatiently tries again, for two seconds where the hook is full and for
// half a second where it is busy: both pass when the one who holds it, maybe
// another preflight, lets go, but a busy hook can also be so for good.
func (p *prober) attachPatiently() error {
	const full, busy = 1024 * time.Millisecond, 256 * time.Millisecond // the last waits
	err := p.attach()
	for wait := 16 * time.Millisecond; wait <= full; wait *= 2 {
		if !errors.Is(err, unix.E2BIG) && !(errors.Is(err, unix.EBUSY) && wait <= busy) {
			return err
		}
		time.Sleep(wait)
		err = p.attach()
	}
	return err
}

// introduce tells the program which file the sentinel is.
func (p *prober) introduce(sentinel file) (state bpf.State, err error) {
	state.Ino, state.Dev, err = sentinel.id()
	if err != nil {
		return state, err
	}
	return state, p.write(state)
}

// observe opens the sentinel and the other file and reads what the program
// counted meanwhile.
func (p *prober) observe(sentinel, other file) (Observation, error) {
	before, err := p.read()
	if err != nil {
		return Observation{}, fmt.Errorf("read counters: %w", err)
	}
	o := Observation{Errno: errnoOf(sentinel.reopen())}
	after, err := p.read()
	if err != nil {
		return o, fmt.Errorf("read counters: %w", err)
	}
	o.OtherErrno = errnoOf(other.reopen())
	o.Seen, o.Matched = after.Seen-before.Seen, after.Matched-before.Matched
	return o, nil
}
