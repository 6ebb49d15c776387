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
	h2o_timeout_entry_t look;        /* for a client that has hung up */
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

/* Answers 503 where no more may wait: at the end, or with too many there. */
bool waiting__is_refused(const struct routes *routes, h2o_req_t *req);

/* For the agent, with the waiting one as its context. */
void waiting__on_done(void *waiting, const struct agent_answer *answer);

/* Waits for what the agent gave `number` to, or answers 503 and frees it for 0. */
void waiting__start(struct waiting *waiting, uint64_t number);

/* Answers with the body that the agent gave, and lets go of it. */
void waiting__reply_body(struct waiting *waiting, const char *content_type);

/* Receives what has finished. */
void waiting__on_finished(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages);

#endif
