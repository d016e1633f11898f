// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
//go:build ignore

// The policy that blocks: nobody opens the configured file.

#include "agent.bpf.h"

#define __core __attribute__((preserve_access_index))

struct super_block {
	__u32 s_dev;
} __core;

struct inode {
	unsigned long i_ino;
	struct super_block *i_sb;
} __core;

struct file {
	struct inode *f_inode;
} __core;

SEC("lsm/file_open")
int block_open(__u64 *ctx)
{
	struct inode *inode = ((struct file *)ctx[0])->f_inode;
	int ret = (int)ctx[1];
	struct counters *c = saw_one();

	if (!c || ret || inode->i_ino != c->ino || inode->i_sb->s_dev != c->dev)
		return ret;
	__sync_fetch_and_add(&c->blocked, 1);
	return -1; // -EPERM
}
