// Package lsm is the check whether BPF LSM works on the running host.
//
// It does not ask whether BPF LSM should work. It loads a program, attaches it
// to the hook file_open, opens a private file (the sentinel) and sees whether
// the program fired, then tells the program to deny and sees whether the open
// is refused. Only where this does not succeed does it gather facts about the
// host, to say why and how to mend it; facts explain a verdict and never make
// one.
//
// # What the check does to the host
//
// For some tens of milliseconds one more program runs at every open of a file.
// It answers what was answered before, for every file but the sentinel, which
// no other process can open. Nothing is mounted, pinned or written to disk;
// the program is held by a file descriptor of this process, so that the kernel
// removes it even after SIGKILL. On kernels before 5.11, where BPF memory counts
// towards RLIMIT_MEMLOCK, the limit is raised while the program is loaded.
//
// # Time
//
// The verdict is returned before the program is detached: detaching waits for
// RCU grace periods, 50 ms to more than a second. [Check.Wait] waits for it.
// A system call cannot be cancelled. Where one hangs, [Check.Run] returns at
// the deadline of its context; the goroutine that waits for the system call
// goes on, and cleans up when it returns.
//
// # Loaders
//
// libbpfgo is used where cgo is enabled, cilium/ebpf elsewhere and under the
// build tag nolibbpf. They are independent of each other and agree; see
// [WithLoader].
//
// With cgo, calls of libbpf_set_print are linked through this package: while a
// check runs, libbpf's lines about it are kept as evidence and those about
// anything else go to the callback that the program had set, which is left in
// place. Before kernel 5.11 libbpf raises RLIMIT_MEMLOCK by itself once in a
// process; the check puts the limit back, so a program that relies on libbpf
// for it there should raise the limit itself, as libbpfgo does.
package lsm
