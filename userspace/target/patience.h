/* SPDX-License-Identifier: Apache-2.0 */
/* What a file system may keep for ever (a server that is gone, a device that does not answer) is
 * done in a thread of its own, which is waited for so long and no longer: nothing ends a thread
 * that waits in the kernel. Until it has come back, nothing more is asked of that file system. */
#ifndef EXOPROF_PATIENCE_H
#define EXOPROF_PATIENCE_H

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* The first member of what is to be done and of what comes of it; calloc()ed. */
struct errand {
	void (*run)(struct errand *errand);     /* in the thread */
	void (*release)(struct errand *errand); /* what it holds, in whichever thread is the last */
	/* patience's own */
	uint64_t device;
	sem_t over;
	atomic_bool is_over;
	atomic_uint refs;
};

struct patience;

struct patience *patience__new(void);           /* NULL with errno set */
void patience__free(struct patience *patience); /* NULL is fine; who is out discards by itself */

/* All errands from here on, until the next such call, are waited for this long, and each for half
 * of it at most: a file system that is merely slow would take its time with each. */
void patience__begin(struct patience *patience, int64_t limit_ms);

/* Has it run, for what lies on that device. 0: it has; what came of it is the caller's, to be
 * discarded. Else it is not the caller's any more: -ETIMEDOUT, it is out; -EBUSY: it was not begun,
 * since another is out there, or too many are, or the time is over; or another -errno. */
int patience__run(struct patience *patience, struct errand *errand, uint64_t device);

/* Of what was run. */
void errand__discard(struct errand *errand);

/* How many are out by now. */
unsigned int patience__out(struct patience *patience);

#endif
