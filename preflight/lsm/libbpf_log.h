/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PREFLIGHT_LIBBPF_LOG_H
#define PREFLIGHT_LIBBPF_LOG_H

/*
 * From here on what libbpf prints on the calling thread is collected, its debug
 * messages only if asked for.
 */
void preflight_log_start(int debug);

/*
 * Ends that and returns what was collected, which the caller frees, or NULL:
 * for each message a byte 0x1e, the digit of its level and its text.
 */
char *preflight_log_stop(void);

#endif
