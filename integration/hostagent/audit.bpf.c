// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
//go:build ignore

// The policy that only audits, without LSM: it counts opens at the system call.

#include "agent.bpf.h"

SEC("tracepoint/syscalls/sys_enter_openat")
int audit_open(void *ctx)
{
	saw_one();
	return 0;
}
