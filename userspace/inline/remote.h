/* SPDX-License-Identifier: Apache-2.0 */
/* System calls that a stopped process makes for us. One of its threads is borrowed: it gets other
 * registers for a moment, and then its own again. Should exoprof be killed in between, the thread
 * makes the call and goes on where it was, by itself. */
#ifndef EXOPROF_REMOTE_H
#define EXOPROF_REMOTE_H

#include <stddef.h>
#include <stdint.h>

#include "inline/stopped.h"

struct remote;

/* Code that a borrowed thread executes: so many bytes in the process's memory, executable, which
 * nobody else does. What is there is put back in the end. */
#define REMOTE_CODE_BYTES 24

/* NULL with errno set:
 *   EAGAIN	no thread can be borrowed now: each is about to get a signal, or in a critical
 *		section of rseq(2)
 *   ENOTSUP	none is in 64-bit code
 * or what the kernel said. `stopped` must outlive it. */
struct remote *remote__new(struct stopped *stopped, uint64_t code_address);

/* 0 with what the call gave, which is -errno where it failed; -EAGAIN: it was not made, for a
 * signal came; -EBUSY, -ESRCH as of stopped__new(). */
int remote__call(struct remote *remote, long number, const uint64_t arguments[6], int64_t *result);

/* Room for a call's arguments, up to REMOTE_TEXT_MAX bytes: gives where in the process's memory
 * they are, until the next one. 0: it could not be written. */
#define REMOTE_TEXT_MAX 64
uint64_t remote__put(struct remote *remote, const void *bytes, size_t size);

/* The thread is as before. 0 or -errno; NULL is fine. */
int remote__free(struct remote *remote);

#endif
