/* SPDX-License-Identifier: Apache-2.0 */
/* One event loop: accepts for itself, serves what it accepted, and drains when told to. */
#ifndef DEMO_WORKER_H
#define DEMO_WORKER_H

#include <h2o.h>

#include "options.h"
#include "stats.h"

/* All but worker__drain() belongs to one thread: h2o's buffers come from a cache of the thread that
 * made the socket, without a lock. */
struct worker;

/* Owns listen_fd from now on, even if it fails: NULL with errno set. */
struct worker *worker__open(h2o_globalconf_t *config, const struct options *options,
			    struct stats *stats, uint32_t index, int listen_fd);
/* Serves until worker__drain() was called and its work is done. */
void worker__run(struct worker *worker);
/* Stop accepting and finish what has begun. For any other thread to call, once. */
void worker__drain(struct worker *worker);
void worker__close(struct worker *worker); /* NULL is fine */

#endif
