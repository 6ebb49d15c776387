/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that wait on their event loop's timers, without holding the loop up. */
#ifndef DEMO_PAUSES_H
#define DEMO_PAUSES_H

#include <h2o.h>
#include <stdint.h>

#define NR_PAUSE_TIMERS 22 /* 2^22 ms is above the longest delay the options take, 1 h */

/* One for each event loop; used only by the loop's thread. */
struct pauses {
	h2o_loop_t *loop;
	h2o_timeout_t timers[NR_PAUSE_TIMERS]; /* timers[i] fires after 2^i ms */
	uint32_t nr_open; /* requests that pause, or were woken and are being sent */
};

void pauses__init(struct pauses *pauses, h2o_loop_t *loop);
void pauses__dispose(struct pauses *pauses); /* only when none is open */

/* Calls wake(req, delay_ms) after delay_ms; never, if the request ends before. */
void pauses__start(struct pauses *pauses, h2o_req_t *req, uint32_t delay_ms,
		   void (*wake)(h2o_req_t *req, uint32_t delay_ms));

#endif
