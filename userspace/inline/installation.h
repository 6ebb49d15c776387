/* SPDX-License-Identifier: Apache-2.0 */
/* A stub in a process: how it gets there and leaves again. What stops the process is to be done by
 * a thread that ends soon after (see visit.h). */
#ifndef EXOPROF_INSTALLATION_H
#define EXOPROF_INSTALLATION_H

#include <stdbool.h>

#include "inline/plan.h"

struct installation;

/* Maps what is planned into the process, where nobody executes it yet. NULL with errno set: as of
 * stopped__new(), remote__new() and patches__apply();
 *   ENOSPC	there is no place from where a thread could make the calls
 *   EADDRINUSE	something is mapped by now where there was room
 * or what mmap(2) or memfd_create(2) said there. */
struct installation *installation__new(pid_t pid, const struct plan *plan, const struct maps *maps,
				       uint64_t heap_rate);

/* One that somebody has left in the process, who was killed most likely; to be deactivated and
 * unmapped. `also_probed`: whether somebody uses it or not. NULL with errno set:
 *   EBADMSG	it is not as it should be
 *   EBUSY	somebody has it probed */
struct installation *installation__find(pid_t pid, const struct maps *maps,
					const struct mapping *mapping, bool also_probed);

/* Forgets it; what is in the process stays as it is. NULL is fine. */
void installation__free(struct installation *installation);

/* The file in memory that the stub's code is mapped from, for probes. */
int installation__fd(const struct installation *installation);

/* From now on the functions lead to it. 0 or -errno, as above, with none of them doing so. */
int installation__activate(struct installation *installation);

/* The functions are as they were. 0; -ESTALE: the process has another program; or -errno. */
int installation__deactivate(struct installation *installation);

/* Takes it out of the process's memory, once no thread is in it any more. 0; -EAGAIN: one may be;
 * -ESTALE: the process has another program; or -errno. */
int installation__unmap(struct installation *installation);

/* What the stub has counted so far. */
struct stub_counts {
	uint64_t
		calls; /* of functions that give out memory; those that one makes of another, too */
	uint64_t sampled;
	uint64_t nested;    /* samples not taken: of calls that another one made */
	uint64_t too_large; /* the same: of requests that may be refused by an exception */
	uint64_t too_large_bytes;
};

/* To be called each second, and before the functions lead there; the former once for all stubs of a
 * process, since it is in the books. Tells it up to how many bytes a request is sure not to be
 * refused, and reads the counts. No thread is stopped for that. 0 or -errno. */
int installation__tend(const struct installation *installation, uint64_t safe_size,
		       struct stub_counts *counts);

/* Tells it of which functions every return is to be waited for: of those that call another one, so
 * that what the other one gives counts as theirs alone. 0 or -errno. */
int installation__learn(const struct installation *installation);

/* Where the books are that it shares with others, and whether they are its own: then it has to be
 * the last to go. */
uint64_t installation__books(const struct installation *installation);
bool installation__has_books(const struct installation *installation);

/* Whether the functions lead there. False where somebody else has written their former code. */
bool installation__is_active(const struct installation *installation);

/* The longest time for which the process was stopped. */
int64_t installation__stopped_ns(const struct installation *installation);

#endif
