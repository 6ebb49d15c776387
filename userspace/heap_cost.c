// SPDX-License-Identifier: Apache-2.0
#include "heap_cost.h"

#define SECOND_NS     1000000000LL
#define READINGS_OVER 5
#define FIRST_WAIT_NS (30 * SECOND_NS)
#define LAST_WAIT_NS  (1800 * SECOND_NS)
#define CALM_NS       (300 * SECOND_NS)

void heap_meter__clear(struct heap_meter *meter)
{
	*meter = (struct heap_meter){};
}

void heap_meter__add(struct heap_meter *meter, const struct heap_reading *reading)
{
	meter->readings[meter->next] = *reading;
	meter->next = (meter->next + 1) % HEAP_METER_READINGS;
	if (meter->count < HEAP_METER_READINGS)
		meter->count++;
}

/* The one that many readings ago; 0: the last. */
static const struct heap_reading *reading_ago(const struct heap_meter *meter, size_t ago)
{
	return &meter->readings[(meter->next + HEAP_METER_READINGS - 1 - ago) %
				HEAP_METER_READINGS];
}

static double spent_ns(const struct heap_reading *from, const struct heap_reading *to,
		       const struct heap_prices *prices)
{
	return (to->hits.emulated - from->hits.emulated) * prices->emulated_ns +
	       (to->hits.stepped - from->hits.stepped) * prices->stepped_ns +
	       (to->hits.returns - from->hits.returns) * prices->return_ns +
	       (to->hits.stack_ns - from->hits.stack_ns);
}

/* Prices are a machine's at rest; the target cannot spend more than it had. */
static double share(const struct heap_reading *from, const struct heap_reading *to,
		    const struct heap_prices *prices)
{
	double spent = spent_ns(from, to, prices), had = to->cpu_ns - from->cpu_ns;

	return spent < had ? spent / had : spent > 0;
}

struct heap_cost heap_meter__cost(const struct heap_meter *meter, const struct heap_prices *prices)
{
	const struct heap_reading *from, *to;
	struct heap_cost cost = {};
	double hits;

	if (meter->count < 2)
		return cost;
	from = reading_ago(meter, meter->count - 1);
	to = reading_ago(meter, 0);
	hits = to->hits.emulated - from->hits.emulated + to->hits.stepped - from->hits.stepped;
	cost.seconds = (to->time_ns - from->time_ns) / (double)SECOND_NS;
	if (cost.seconds > 0)
		cost.hits = hits / cost.seconds;
	if (hits > 0)
		cost.ns_a_hit = spent_ns(from, to, prices) / hits;
	cost.share = share(from, to, prices);
	return cost;
}

double heap_meter__last_share(const struct heap_meter *meter, const struct heap_prices *prices)
{
	if (meter->count < 2)
		return -1;
	return share(reading_ago(meter, 1), reading_ago(meter, 0), prices);
}

static enum heap_budget_verdict come_back(struct heap_budget *budget, int64_t now_ns)
{
	if (now_ns - budget->since_ns < budget->wait_ns)
		return HEAP_BUDGET_GO_ON;
	budget->is_over = false;
	budget->since_ns = now_ns;
	return HEAP_BUDGET_ATTACH;
}

enum heap_budget_verdict heap_budget__see(struct heap_budget *budget, double share, int64_t now_ns)
{
	if (!budget->limit)
		return HEAP_BUDGET_GO_ON;
	if (budget->is_over)
		return come_back(budget, now_ns);
	budget->readings_over = share > budget->limit ? budget->readings_over + 1 : 0;
	if (!budget->readings_over && now_ns - budget->since_ns >= CALM_NS)
		budget->wait_ns = 0;
	if (budget->readings_over < READINGS_OVER)
		return HEAP_BUDGET_GO_ON;
	budget->wait_ns = budget->wait_ns ? budget->wait_ns * 2 : FIRST_WAIT_NS;
	if (budget->wait_ns > LAST_WAIT_NS)
		budget->wait_ns = LAST_WAIT_NS;
	budget->readings_over = 0;
	budget->is_over = true;
	budget->since_ns = now_ns;
	return HEAP_BUDGET_DETACH;
}
