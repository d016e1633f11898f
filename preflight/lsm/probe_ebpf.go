//go:build linux

package lsm

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/agent-preflight/agent-preflight/preflight/lsm/bpf"
)

// ebpfLoader loads the object with cilium/ebpf.
type ebpfLoader struct {
	spec  *ebpf.CollectionSpec
	coll  *ebpf.Collection
	link  link.Link
	lines []string
}

func newEBPF(*zap.Logger) loader { return &ebpfLoader{} }

func (l *ebpfLoader) open() (err error) {
	l.spec, err = ebpf.LoadCollectionSpecFromReader(bytes.NewReader(bpf.Object))
	return err
}

func (l *ebpfLoader) load() (err error) {
	defer liftMemlock()()
	l.coll, err = ebpf.NewCollection(l.spec)
	var refused *ebpf.VerifierError
	if errors.As(err, &refused) {
		l.lines = refused.Log
	}
	// A hook that is not in the kernel's BTF is ESRCH, as libbpf has it.
	if errors.Is(err, ebpf.ErrNotSupported) && errnoOf(err) == "" {
		return fmt.Errorf("%w: %w", err, unix.ESRCH)
	}
	return err
}

func (l *ebpfLoader) attach() (err error) {
	l.link, err = link.AttachLSM(link.LSMOptions{Program: l.coll.Programs[bpf.Program]})
	// The library keeps the kernel's ENOTSUPP to itself.
	if errors.Is(err, ebpf.ErrNotSupported) && errnoOf(err) == "" {
		return fmt.Errorf("%w: %w", err, enotsupp)
	}
	return err
}

func (l *ebpfLoader) read() (state bpf.State, err error) {
	err = l.coll.Maps[bpf.Map].Lookup(uint32(0), &state)
	return state, err
}

func (l *ebpfLoader) write(state bpf.State) error {
	return l.coll.Maps[bpf.Map].Put(uint32(0), state)
}

func (l *ebpfLoader) close() {
	if l.link != nil {
		l.link.Close()
	}
	if l.coll != nil {
		l.coll.Close()
	}
}

func (l *ebpfLoader) log() []string { return l.lines }
