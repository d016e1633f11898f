/* SPDX-License-Identifier: Apache-2.0 */
//go:build linux && cgo && !nolibbpf

/*
 * libbpf has one print callback for the whole process, and libbpfgo sets it
 * whenever it opens an object. The check must neither lose the callback of the
 * program that it is linked into nor write to its stderr, so while a check runs
 * on a thread
 *   - the lines of that thread are collected,
 *   - the lines of other threads go to the callback that the program had,
 *   - a callback that the program sets meanwhile is remembered and put in place
 *     at the end.
 * The linker sends every call of libbpf_set_print here (--wrap).
 */

#include <bpf/libbpf.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libbpf_log.h"

libbpf_print_fn_t __real_libbpf_set_print(libbpf_print_fn_t fn);
libbpf_print_fn_t __wrap_libbpf_set_print(libbpf_print_fn_t fn);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int listeners;            /* threads that collect */
static libbpf_print_fn_t others; /* the program's callback while listeners > 0 */

static __thread struct {
	int on;
	int debug;
	size_t len;
	char *text;
} mine;

static void collect(enum libbpf_print_level level, const char *format, va_list args)
{
	enum { head = 2, most = 256 << 10 }; /* a verifier's log can be long */
	va_list again;
	char *text;
	int n;

	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (n <= 0 || mine.len + head + n > most)
		return;
	text = realloc(mine.text, mine.len + head + n + 1);
	if (!text)
		return;
	text[mine.len] = 0x1e;
	text[mine.len + 1] = '0' + level;
	vsnprintf(text + mine.len + head, n + 1, format, args);
	mine.text = text;
	mine.len += head + n;
}

static int print(enum libbpf_print_level level, const char *format, va_list args)
{
	libbpf_print_fn_t fn;

	if (mine.on) {
		if (level != LIBBPF_DEBUG || mine.debug)
			collect(level, format, args);
		return 0;
	}
	pthread_mutex_lock(&lock); /* others may be about to be stored */
	fn = others;
	pthread_mutex_unlock(&lock);
	return fn ? fn(level, format, args) : 0;
}

libbpf_print_fn_t __wrap_libbpf_set_print(libbpf_print_fn_t fn)
{
	libbpf_print_fn_t old;

	pthread_mutex_lock(&lock);
	if (mine.on) /* libbpfgo, opening our object */
		old = others;
	else if (listeners) {
		old = others;
		others = fn;
	} else
		old = __real_libbpf_set_print(fn);
	pthread_mutex_unlock(&lock);
	return old;
}

void preflight_log_start(int debug)
{
	pthread_mutex_lock(&lock);
	mine.debug = debug;
	mine.on = 1;
	if (listeners++ == 0)
		others = __real_libbpf_set_print(print);
	pthread_mutex_unlock(&lock);
}

char *preflight_log_stop(void)
{
	char *text;

	pthread_mutex_lock(&lock);
	if (--listeners == 0)
		__real_libbpf_set_print(others);
	mine.on = 0;
	pthread_mutex_unlock(&lock);

	text = mine.text;
	mine.text = NULL;
	mine.len = 0;
	return text;
}
