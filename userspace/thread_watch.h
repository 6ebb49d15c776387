/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a thread is stuck: has work, and gets nowhere with it. */
#ifndef EXOPROF_THREAD_WATCH_H
#define EXOPROF_THREAD_WATCH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct thread_watch {
	clockid_t clock; /* of its CPU time */
	atomic_bool is_idle;
	uint64_t rests; /* atomic: how often it was idle */
	uint64_t rests_seen;
	int64_t cpu_ns;
	unsigned int stuck; /* looks in a row */
};

/* 0 or -errno. */
int thread_watch__begin(struct thread_watch *watch, pthread_t thread);

/* The thread's own: it has nothing to do from here on, or has. */
void thread_watch__rest(struct thread_watch *watch, bool is_idle);

/* For one thread that looks at it each second: how many looks ago it was idle, or had some of a
 * CPU. Counted by looks, not by a clock: while exoprof or the machine stands still nobody is stuck.
 */
unsigned int thread_watch__look(struct thread_watch *watch);

#endif
