/* SPDX-License-Identifier: Apache-2.0 */
/* A process of which all threads are stopped for a moment, by ptrace(2). Whoever stops it is its
 * tracer until it goes on: one thread has to do all of this, and to end soon: the kernel lets go
 * then of what is traced still, with whatever registers it has. */
#ifndef EXOPROF_STOPPED_H
#define EXOPROF_STOPPED_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

struct stopped;

struct stopped_thread {
	pid_t tid;
	int signal; /* it was about to be given, and is given when it goes on; 0: none */
	struct user_regs_struct registers;
};

/* NULL with errno set, and all threads going on:
 *   EPERM	not allowed, or it has a tracer
 *   EBUSY	a thread did not stop in time: it is in the kernel, and does not take signals
 *   ESRCH	it has exited
 * or what the kernel said. */
struct stopped *stopped__new(pid_t pid, unsigned int patience_ms);

/* It goes on; NULL is fine. */
void stopped__free(struct stopped *stopped);

pid_t stopped__pid(const struct stopped *stopped);
size_t stopped__count(const struct stopped *stopped);
/* NULL: it is gone. */
const struct stopped_thread *stopped__thread(const struct stopped *stopped, size_t index);

/* Lets one of them go on, as ptrace(2)'s request says, and waits until it has stopped again. */
enum stopped_at {
	STOPPED_AT_CALL,   /* the beginning or the end of a system call */
	STOPPED_AT_SIGNAL, /* which it is about to be given */
	STOPPED_AGAIN,     /* as it was told to */
	STOPPED_BY_OTHERS, /* all threads are, by a signal */
};

/* enum stopped_at, -EBUSY, -ESRCH. */
int stopped__go_on(struct stopped *stopped, size_t index, int request);

/* Has it go on until right before it would be in its own code again. Its registers stay. */
int stopped__stop_again(struct stopped *stopped, size_t index);

/* Since the first of them was told to stop. */
int64_t stopped__ns(const struct stopped *stopped);

#endif
