// Package bpf embeds the compiled program of the LSM check, so that neither
// building nor running the check needs a BPF compiler.
//
// file_open.bpf.c is the source; `make bpf` rebuilds the two objects and
// `make bpf-verify` proves that they are what the pinned compiler makes of it.
package bpf

// Names inside the object.
const (
	Program = "preflight_open"  // the lsm/file_open program
	Map     = "preflight_state" // an array of one State
)

// State is the value of the object's only map, in the byte order of the host.
// It mirrors struct state in file_open.bpf.c.
type State struct {
	Ino     uint64 // inode number of the sentinel, written by user space
	Dev     uint32 // device of the sentinel in the kernel's encoding, major<<20 | minor (include/linux/kdev_t.h)
	Deny    uint32 // 1: opens of the sentinel are refused with EPERM
	Seen    uint64 // opens of any file since the program was attached
	Matched uint64 // opens of the sentinel since the program was attached
}
