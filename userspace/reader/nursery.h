/* SPDX-License-Identifier: Apache-2.0 */
/* A process that has no rights and knows nothing of any target, from which those that read the
 * targets' files are forked. It is there before exoprof has anything that they could inherit, and
 * so exoprof need not be able to start a process later. */
#ifndef EXOPROF_NURSERY_H
#define EXOPROF_NURSERY_H

#include "reader/worker_source.h"

struct nursery;

/* What a worker is. There is one of each kind at most. */
struct worker_kind {
	const char *process_name; /* of 15 characters at most */
	/* All that the process does: shuts itself in (reader/worker_sandbox.h), and answers what
	 * comes over the socket until nobody is there. */
	void (*run)(int socket, size_t memory_bytes);
	size_t memory_bytes; /* what `run` makes of it */
};

#define NURSERY_KINDS_MAX 2

/* Before there is a thread, or anything that is not for everybody. NULL with errno set. */
struct nursery *nursery__start(const struct worker_kind *kinds, size_t count);

/* Its workers end with it. NULL is fine. */
void nursery__stop(struct nursery *nursery);

/* Of the kind of that index. As long as the nursery; NULL for NULL. Each is used by one thread at a
 * time, and by another one than the others if need be; its usage by any. */
const struct worker_source *nursery__source(const struct nursery *nursery, size_t kind);

#endif
