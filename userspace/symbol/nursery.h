/* SPDX-License-Identifier: Apache-2.0 */
/* A process that has no rights and knows nothing of any target, from which those that read the
 * targets' files are forked. It is there before exoprof has anything that they could inherit, and
 * so exoprof need not be able to start a process later. */
#ifndef EXOPROF_NURSERY_H
#define EXOPROF_NURSERY_H

#include "symbol/worker_source.h"

struct nursery;

/* Before there is a thread, or anything that is not for everybody. `memory_bytes`: what its workers
 * may keep of files. NULL with errno set. */
struct nursery *nursery__start(size_t memory_bytes);

/* Its workers end with it. NULL is fine. */
void nursery__stop(struct nursery *nursery);

/* As long as the nursery; NULL for NULL. Used by one thread at a time. */
const struct worker_source *nursery__source(const struct nursery *nursery);

#endif
