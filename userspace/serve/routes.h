/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked for at which path, and the answer to it. */
#ifndef EXOPROF_ROUTES_H
#define EXOPROF_ROUTES_H

#include <h2o.h>
#include <stdbool.h>

#include "agent.h"
#include "serve/access.h"
#include "serve/connections.h"
#include "serve/process_metrics.h"
#include "serve/request_counts.h"
#include "serve/snapshots.h"

/* What the routes need of the server they are in. */
struct routes {
	struct agent *agent;
	struct access *access;
	struct connections *connections;
	struct request_counts *counts;
	struct process_metrics *process;
	struct page *page;
	struct snapshots *snapshots;
	h2o_context_t *context;
	/* Where the agent's threads put finished profiles for the event loop. */
	h2o_multithread_receiver_t finished;
	/* Requests whose answer the agent has to give: all of them, and those of them that take
	 * time, of which there may be so many. */
	unsigned int waiting, profiles, profiles_max;
	h2o_linklist_t waiters; /* all of them */
	bool stopping;          /* no new ones */
};

/* Adds the handlers to the configuration. */
void routes__register(struct routes *routes, h2o_globalconf_t *config);

/* Starts receiving finished profiles, in the event loop's thread; and stops. Nothing may be waiting
 * then. */
void routes__start(struct routes *routes, h2o_context_t *context);
void routes__stop(struct routes *routes, h2o_context_t *context);

#endif
