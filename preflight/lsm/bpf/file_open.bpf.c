// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
//go:build ignore

// The program with which the LSM check proves that BPF LSM works: attached to
// file_open, it counts the opens of one file, the sentinel, and denies them
// when told to. Every other open passes through with the answer it came with.
//
// It reads kernel memory by direct, verifier-checked access only: helpers such
// as bpf_probe_read_kernel are taken away by lockdown=confidentiality.

typedef unsigned int __u32;
typedef unsigned long long __u64;

#define SEC(name) __attribute__((section(name), used))
#define __uint(name, val) int(*name)[val]
#define __type(name, val) typeof(val) *name

#define BPF_MAP_TYPE_ARRAY 2
#define EPERM 1

static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;

// Only the fields that are touched; the loader moves the offsets to where the
// running kernel has them.
#define __core __attribute__((preserve_access_index))

struct super_block {
	__u32 s_dev; // the kernel's own encoding: major << 20 | minor
} __core;

struct inode {
	unsigned long i_ino;
	struct super_block *i_sb;
} __core;

struct file {
	struct inode *f_inode;
} __core;

// Shared with user space, which writes the first three fields and reads the
// rest. Its Go twin is bpf.State.
struct state {
	__u64 ino;     // the sentinel's inode number
	__u32 dev;     // the sentinel's device
	__u32 deny;    // 1: refuse the sentinel
	__u64 seen;    // opens of any file
	__u64 matched; // opens of the sentinel
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct state);
} preflight_state SEC(".maps");

SEC("lsm/file_open")
int preflight_open(__u64 *ctx)
{
	struct file *file = (struct file *)ctx[0];
	int ret = (int)ctx[1]; // what an earlier program on this hook answered
	struct inode *inode = file->f_inode;
	struct state *state;
	__u32 key = 0;

	state = bpf_map_lookup_elem(&preflight_state, &key);
	if (!state)
		return ret;

	__sync_fetch_and_add(&state->seen, 1);
	if (inode->i_ino != state->ino || inode->i_sb->s_dev != state->dev)
		return ret;

	__sync_fetch_and_add(&state->matched, 1);
	if (ret || !state->deny)
		return ret;
	return -EPERM;
}

// Reading the file's fields is for GPL-compatible programs only.
char LICENSE[] SEC("license") = "Dual BSD/GPL";
