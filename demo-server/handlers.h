/* SPDX-License-Identifier: Apache-2.0 */
/* The endpoints: /fast, /slow, /gc and /stats. */
#ifndef DEMO_HANDLERS_H
#define DEMO_HANDLERS_H

#include <h2o.h>
#include <stdint.h>

#include "options.h"
#include "pauses.h"
#include "stats.h"

/* What the handlers need of the thread they run on. They find it through its first member: a
 * request points to its connection, and that to the context. */
struct lane {
	h2o_context_t ctx;
	const struct options *options;
	const struct stats *all_stats;
	struct stats_lane *stats;
	struct pauses pauses;
	uint64_t random_state; /* never 0 */
};

/* Adds the endpoints to a configuration, before any context is made of it. Every context of it
 * must be the first member of a struct lane. */
void handlers__register(h2o_globalconf_t *config);

#endif
