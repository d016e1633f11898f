// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
//go:build ignore

// The policy that needs a program that may sleep: it counts executed programs.

#include "agent.bpf.h"

SEC("lsm.s/bprm_committed_creds")
int watch_exec(__u64 *ctx)
{
	saw_one();
	return 0;
}
