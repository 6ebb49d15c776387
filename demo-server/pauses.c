/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that wait on their event loop's timers, without holding the loop up. */
#include "pauses.h"

/*
 * An h2o_timeout_t of 2.2.5 has one duration, and every turn of the loop looks at each of them, so
 * neither one for each delay nor one for each request is a good idea (and none may be disposed of
 * in its own callback). There is one for each power of two instead: a pause takes the largest that
 * fits in what is left, and comes back. At most 22 hops an hour's pause, each of constant cost.
 */
struct pause {
	struct pauses *pauses;
	h2o_req_t *req;
	h2o_timeout_entry_t timer;
	uint64_t deadline_ms; /* of h2o_now() */
	uint32_t delay_ms;
	void (*wake)(h2o_req_t *req, uint32_t delay_ms);
};

void pauses__init(struct pauses *pauses, h2o_loop_t *loop)
{
	int i;

	pauses->loop = loop;
	pauses->nr_open = 0;
	for (i = 0; i < NR_PAUSE_TIMERS; i++)
		h2o_timeout_init(loop, &pauses->timers[i], 1ULL << i);
}

void pauses__dispose(struct pauses *pauses)
{
	int i;

	for (i = 0; i < NR_PAUSE_TIMERS; i++)
		h2o_timeout_dispose(pauses->loop, &pauses->timers[i]);
}

/* h2o calls this when the request's pool goes: it was answered, or its client went away. */
static void pause_dispose(void *ptr)
{
	struct pause *pause = ptr;

	h2o_timeout_unlink(&pause->timer);
	pause->pauses->nr_open--;
}

static void pause_step(h2o_timeout_entry_t *timer)
{
	struct pause *pause = H2O_STRUCT_FROM_MEMBER(struct pause, timer, timer);
	struct pauses *pauses = pause->pauses;
	uint64_t now_ms = h2o_now(pauses->loop);
	int i;

	if (now_ms >= pause->deadline_ms) {
		pause->wake(pause->req, pause->delay_ms);
		return;
	}
	i = 63 - __builtin_clzll(pause->deadline_ms - now_ms);
	/* h2o's clock is the wall clock: set back, it leaves more to wait than there ever was. */
	if (i >= NR_PAUSE_TIMERS)
		i = NR_PAUSE_TIMERS - 1;
	h2o_timeout_link(pauses->loop, &pauses->timers[i], &pause->timer);
}

void pauses__start(struct pauses *pauses, h2o_req_t *req, uint32_t delay_ms,
		   void (*wake)(h2o_req_t *req, uint32_t delay_ms))
{
	struct pause *pause = h2o_mem_alloc_shared(&req->pool, sizeof(*pause), pause_dispose);

	*pause = (struct pause){
		.pauses = pauses,
		.req = req,
		.timer.cb = pause_step,
		.deadline_ms = h2o_now(pauses->loop) + delay_ms,
		.delay_ms = delay_ms,
		.wake = wake,
	};
	pauses->nr_open++;
	pause_step(&pause->timer);
}
