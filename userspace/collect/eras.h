/* SPDX-License-Identifier: Apache-2.0 */
/* What the followed processes execute, and executed as long as samples of it may be asked for: see
 * enum wire_era_origin in bpf/wire.h. */
#ifndef EXOPROF_ERAS_H
#define EXOPROF_ERAS_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "target/maps.h"
#include "wire.h"

struct exoprof_bpf;
struct eras;

struct era {
	uint32_t number, parent; /* parent 0: none */
	pid_t pid;
	enum wire_era_origin origin;
	bool was_asked_for; /* not a child that was found */
	bool was_told_of;
	bool has_begun;                        /* of the attach: its waits count */
	bool is_new, has_inherited, is_ending; /* the update's own notes */
	struct maps *maps;  /* NULL: were never read; the parent's at first, of a fork */
	bool is_over;       /* executes something else by now, or is gone */
	bool has_exited;    /* which of the two */
	int64_t retry_ms;   /* a file of it found no room for its rows: worth another try then */
	uint64_t end_epoch; /* of CPU samples: the first that has none of it */
	uint32_t spell;     /* of following its heap */
};

/* Whether what it allocated belongs into a profile: not what was before an exec. */
bool era__counts(const struct era *era);

struct eras *eras__new(struct exoprof_bpf *skel); /* NULL with errno set */
void eras__free(struct eras *eras);               /* NULL is fine */

/* Follows a process from here on: its new era's number, or 0 with errno set (E2BIG: too many;
 * EEXIST: it is followed already). */
uint32_t eras__follow(struct eras *eras, pid_t pid, bool was_asked_for, bool with_children);

/* Takes back a follow that came to nothing. */
void eras__unfollow(struct eras *eras, uint32_t number);

/* The era that the process is in now, by the kernel side; 0: it is not followed. */
uint32_t eras__current(const struct eras *eras, pid_t pid);

/* Takes in what the kernel side has seen. Calls `each`, which may be NULL, for every era that it
 * was not called for yet, oldest first. 0 or -errno. */
int eras__update(struct eras *eras, void (*each)(void *context, const struct era *era),
		 void *context);

/* All there are, oldest first. */
const struct era *eras__all(const struct eras *eras, size_t *count);

/* By its number, or NULL. Valid until the next call of a function that is given no const. */
const struct era *eras__find(const struct eras *eras, uint32_t number);

/* How the process's memory looks; takes a reference. */
void eras__set_maps(struct eras *eras, uint32_t number, struct maps *maps);

/* When its mappings are worth to be set again, by the monotonic clock; INT64_MAX: never. */
void eras__set_retry(struct eras *eras, uint32_t number, int64_t retry_ms);

void eras__note_begun(struct eras *eras, uint32_t number);

/* Changes what the kernel side knows of an era. 0 or -errno; -ENOENT once it is over. */
int eras__set_mappings(struct eras *eras, uint32_t number, uint32_t first, uint32_t count);
int eras__set_safe_size(struct eras *eras, uint32_t number, uint64_t bytes);
int eras__next_spell(struct eras *eras, uint32_t number);

/* Drops those that are over and of no use: `oldest_epoch` is the first that CPU samples may still
 * be asked for of. Of processes that have exited a number of the last stay, for their allocations.
 */
void eras__forget(struct eras *eras, uint64_t oldest_epoch);

/* Whether an era was forgotten since the last clearing: what it has in the heap's books can go. */
bool eras__was_dropped(const struct eras *eras, uint32_t number);
void eras__clear_dropped(struct eras *eras);

/* Processes that exited so long ago that what they allocated is not in the books any more. */
uint64_t eras__forgotten(const struct eras *eras);

/* How many processes are followed. */
size_t eras__alive(const struct eras *eras);

#endif
