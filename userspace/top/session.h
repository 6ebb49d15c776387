/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the agent for what is shown, each interval, and keeps what came. Only the view that is shown
 * is asked for; what is sampled over time goes on being sampled meanwhile, and nothing of it is
 * lost between two answers. */
#ifndef EXOPROF_TOP_SESSION_H
#define EXOPROF_TOP_SESSION_H

#include <poll.h>
#include <stdbool.h>

#include "agent.h"
#include "top/facts.h"
#include "top/view.h"

struct session;

struct session_options {
	uint32_t delay_s;
	uint32_t frequency;
	uint64_t heap_rate;
	bool has_heap; /* probes are on malloc and free, or would be if there were any */
};

enum session_news {
	SESSION_NO_NEWS,
	SESSION_BEGUN, /* an answer that the first interval begins with */
	SESSION_NEWS,
	SESSION_OVER, /* the last answer: the target is gone */
};

/* NULL with errno set. The agent must outlive it. `view` is what is shown first. */
struct session *session__new(struct agent *agent, const struct session_options *options, int view);
void session__free(struct session *session); /* NULL is fine; waits for an answer under way */

/* What to poll for: two of them, and for how long. Then session__work() does what is due. */
void session__prepare(const struct session *session, struct pollfd fds[2], int *timeout_ms);
enum session_news session__work(struct session *session);

/* Whether it can be shown. */
bool session__offers(const struct session *session, int view);

/* Shows another view, from its next answer on; what it had until now at once. */
void session__show(struct session *session, int view);

/* What is shown; NULL as long as there is no answer. */
const struct top_table *session__table(const struct session *session);

enum top_scope session__scope(const struct session *session);
void session__toggle_scope(struct session *session);
void session__reset(struct session *session);

/* Paused, nothing is asked for. */
void session__pause(struct session *session, bool is_paused);
bool session__is_paused(const struct session *session);
bool session__is_over(const struct session *session);

const struct facts *session__facts(const struct session *session);

/* How many processes there are beside the one of the facts. */
size_t session__others(const struct session *session);

/* Lines for people, without a line's end: what is shown, with all that was lost; and how the heap
 * is followed, or why the view has nothing to show, if there is anything to say. */
void session__put_summary(const struct session *session, FILE *out);
void session__put_state(const struct session *session, FILE *out);

#endif
