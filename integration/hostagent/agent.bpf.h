/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What the three programs of the host agent share. */

typedef unsigned int __u32;
typedef unsigned long long __u64;

#define SEC(name) __attribute__((section(name), used))
#define __uint(name, val) int(*name)[val]
#define __type(name, val) typeof(val) *name

#define BPF_MAP_TYPE_ARRAY 2

static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;

/* Each object counts what it sees; the twin in Go is type counters. */
struct counters {
	__u64 ino; /* the file to block: inode number */
	__u64 dev; /* and device in the kernel's encoding */
	__u64 seen;
	__u64 blocked;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counters);
} counters SEC(".maps");

static __attribute__((always_inline)) struct counters *saw_one(void)
{
	__u32 key = 0;
	struct counters *c = bpf_map_lookup_elem(&counters, &key);

	if (c)
		__sync_fetch_and_add(&c->seen, 1);
	return c;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
