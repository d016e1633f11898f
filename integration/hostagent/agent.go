package main

import (
	"bytes"
	_ "embed" // for the objects
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/agent-preflight/agent-preflight/preflight"
	"github.com/agent-preflight/agent-preflight/preflight/lsm"
)

//go:embed block.bpf.o
var blockObject []byte

//go:embed creds.bpf.o
var credsObject []byte

//go:embed audit.bpf.o
var auditObject []byte

// objects are the agent's policies, each a BPF object of its own.
var objects = map[string][]byte{"audit": auditObject, "block": blockObject, "creds": credsObject}

// ownPolicies reads from the objects themselves what they require.
func ownPolicies() ([]preflight.Policy, error) {
	var policies []preflight.Policy
	for _, name := range slices.Sorted(maps.Keys(objects)) {
		features, err := lsm.RequirementsOf(bytes.NewReader(objects[name]))
		if err != nil {
			return nil, fmt.Errorf("policy %s: %w", name, err)
		}
		policies = append(policies, preflight.Policy{Name: name, Requires: features})
	}
	return policies, nil
}

// counters is struct counters of agent.bpf.h.
type counters struct {
	Ino     uint64 `json:"-"`
	Dev     uint64 `json:"-"`
	Seen    uint64 `json:"seen"`
	Blocked uint64 `json:"blocked"`
}

// agent holds what is attached, by policy.
type agent struct {
	logger *zap.Logger
	block  string
	loaded map[string]*ebpf.Collection
	links  []link.Link
}

func newAgent(logger *zap.Logger, block string) *agent {
	return &agent{logger: logger, block: block, loaded: map[string]*ebpf.Collection{}}
}

// attach brings a policy into force. What fails is said and left out.
func (a *agent) attach(name string) {
	if err := a.tryAttach(name); err != nil {
		a.logger.Error("policy could not be attached", zap.String("policy", name), zap.Error(err))
	}
}

func (a *agent) tryAttach(name string) error {
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(objects[name]))
	if err != nil {
		return err
	}
	coll, err := ebpf.NewCollection(spec)
	if err != nil {
		return err
	}
	var target counters
	if name == "block" {
		if target.Ino, target.Dev, err = identify(a.block); err != nil {
			coll.Close()
			return err
		}
	}
	var l link.Link
	err = coll.Maps["counters"].Put(uint32(0), target)
	for _, program := range coll.Programs {
		if err != nil {
			break
		}
		if program.Type() == ebpf.LSM {
			l, err = link.AttachLSM(link.LSMOptions{Program: program})
		} else {
			l, err = link.Tracepoint("syscalls", "sys_enter_openat", program, nil)
		}
	}
	if err != nil {
		coll.Close()
		return err
	}
	a.loaded[name], a.links = coll, append(a.links, l)
	return nil
}

// identify returns inode and device of a file as the kernel has them.
func identify(path string) (ino, dev uint64, err error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return 0, 0, fmt.Errorf("stat %s: %w", path, err)
	}
	d := uint64(st.Dev)
	return st.Ino, uint64(unix.Major(d))<<20 | uint64(unix.Minor(d)), nil
}

func (a *agent) names() []string { return slices.Sorted(maps.Keys(a.loaded)) }

func (a *agent) counters() (map[string]counters, error) {
	all := map[string]counters{}
	var errs []error
	for name, coll := range a.loaded {
		var c counters
		errs = append(errs, coll.Maps["counters"].Lookup(uint32(0), &c))
		all[name] = c
	}
	return all, errors.Join(errs...)
}

func (a *agent) close() {
	for _, l := range a.links {
		l.Close()
	}
	for _, coll := range a.loaded {
		coll.Close()
	}
}
