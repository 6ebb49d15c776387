/* SPDX-License-Identifier: Apache-2.0 */
/* What is collected for one request: begun when it comes, ended when its time is over. Used by the
 * thread that owns the collector. */
#ifndef EXOPROF_MEASUREMENT_H
#define EXOPROF_MEASUREMENT_H

#include "agent.h"
#include "targets.h"

/* What all have in common. */
struct measuring {
	struct collector *collector;
	struct targets *targets;
	struct cpu_window *standing; /* of those who ask for what came since they last did */
	/* What there was when a request last asked for what has come since then, by kind. */
	struct since_last {
		const struct profile_kind *kind;
		struct samples *samples;
	} since_last[8];
};

void measuring__release(struct measuring *measuring);

/* One of them; all zero before it begins. */
struct measurement {
	struct cpu_window *cpu;
	struct wall_window *wall;
	struct samples *base;    /* what there was at the start, where it takes time */
	struct samples *samples; /* what was collected */
};

/* Starts what takes time; what does not is there at once, in `samples`. 0; -ESRCH: there is no
 * process any more; -ENODATA: it is not followed; or another -errno. */
int measurement__begin(struct measurement *measurement, struct measuring *measuring,
		       const struct agent_request *request);

/* Puts what was collected into `samples`. 0 or -errno. */
int measurement__end(struct measurement *measurement, struct measuring *measuring,
		     const struct agent_request *request);

/* Ends it with nothing. */
void measurement__cancel(struct measurement *measurement, struct measuring *measuring,
			 const struct agent_request *request);

#endif
