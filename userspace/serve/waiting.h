/* SPDX-License-Identifier: Apache-2.0 */
/* A request that waits for the agent. What waits outlives it if the client goes away: the agent
 * always finishes what it was asked for, its answer comes back to the event loop as a message, and
 * there it is known whether anybody still waits. */
#ifndef EXOPROF_WAITING_H
#define EXOPROF_WAITING_H

#include <h2o.h>
#include <stdbool.h>

#include "serve/routes.h"

/* The first member of what a kind of request needs; calloc()ed, freed when all is over. */
struct waiting {
	h2o_multithread_message_t message;
	struct routes *routes;
	h2o_req_t *req;        /* NULL once the client is gone */
	struct waiting **link; /* in the request's pool; NULL there once this is gone */
	struct agent_answer answer;
	uint64_t number;                 /* of the agent's */
	const struct profile_kind *kind; /* of the profile; NULL: it is none */
	h2o_linklist_t link_of_all;
	int64_t ends_ms; /* by the monotonic clock, what takes time; 0: it takes none */
	/* Makes more of a good answer, in the thread that it comes from; may be NULL. */
	void (*prepare)(struct waiting *waiting);
	/* Answers the request, in the event loop, what had no error. */
	void (*reply)(struct waiting *waiting);
	/* Gives back what it holds, in the event loop, whether or not it was answered; may be NULL.
	 */
	void (*release)(struct waiting *waiting);
	/* Says what could not be done, for "Could not ...: reason". */
	void (*describe)(const struct waiting *waiting, char *text, size_t size);
};

/* How many requests that take no time may wait: each may hold what the kernel side has of the
 * target at that time, and its profile. */
#define WAITING_INSTANTS_MAX 32

/* Answers 503 at the end, and 429 where there are too many of its like: that take so many seconds,
 * or none. */
bool waiting__is_refused(const struct routes *routes, h2o_req_t *req, uint32_t seconds);

/* Answers 503: there is no room for the answer. */
void waiting__refuse_memory(h2o_req_t *req);

/* For the agent, with the waiting one as its context. */
void waiting__on_done(void *waiting, const struct agent_answer *answer);

/* Waits for what the agent gave `number` to, and takes so many seconds for, or answers 503 and
 * frees it for 0. */
void waiting__start(struct waiting *waiting, uint64_t number, uint32_t seconds);

/* To be called each second: ends what nobody waits for any more. */
void waiting__look(struct routes *routes);

/* Answers with the body that the agent gave, and lets go of it. */
void waiting__reply_body(struct waiting *waiting, const char *content_type);

/* Receives what has finished. */
void waiting__on_finished(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages);

#endif
