/* SPDX-License-Identifier: Apache-2.0 */
/* What following the heap costs the target, and when that is too much. Pure arithmetic. */
#ifndef EXOPROF_HEAP_COST_H
#define EXOPROF_HEAP_COST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collect/collector.h"

/* Totals since the attach, at one moment. */
struct heap_reading {
	int64_t time_ns; /* of the monotonic clock */
	struct heap_hits hits;
	uint64_t cpu_ns; /* that the target had of the CPUs, probes included */
};

/* Readings are a second apart; figures are of the last ten. */
#define HEAP_METER_READINGS 11

struct heap_meter {
	struct heap_reading readings[HEAP_METER_READINGS];
	size_t next, count;
};

void heap_meter__clear(struct heap_meter *meter);
void heap_meter__add(struct heap_meter *meter, const struct heap_reading *reading);

struct heap_cost {
	double seconds;  /* that the figures are of; 0: there are none yet */
	double hits;     /* a second */
	double ns_a_hit; /* sampled ones' stacks and returns included */
	double share;    /* of the target's CPU time, 0 to 1 */
};

struct heap_cost heap_meter__cost(const struct heap_meter *meter, const struct heap_prices *prices);

/* The share over the last two readings alone; < 0: there are not two. */
double heap_meter__last_share(const struct heap_meter *meter, const struct heap_prices *prices);

/* Takes the probes off once the share has been over the limit for five readings in a row, and puts
 * them on again after a while: 30 s at first, twice as long each time that it did not help, 30
 * minutes at most. Five minutes within the limit start that anew. */
struct heap_budget {
	double limit; /* share, 0 to 1; 0: none */
	bool is_over; /* probes are off */
	unsigned int readings_over;
	int64_t wait_ns;
	int64_t since_ns; /* the last change */
};

enum heap_budget_verdict {
	HEAP_BUDGET_GO_ON,
	HEAP_BUDGET_DETACH,
	HEAP_BUDGET_ATTACH,
};

/* To be called each second; the share counts for nothing while probes are off. */
enum heap_budget_verdict heap_budget__see(struct heap_budget *budget, double share, int64_t now_ns);

#endif
