/* SPDX-License-Identifier: Apache-2.0 */
/* The truth: counters per thread, summed on read. */
#include "stats.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Lanes share no cache line, so counting costs the threads nothing. */
struct stats_lane {
	_Alignas(64) _Atomic uint64_t counters[NR_COUNTERS];
};

struct stats {
	struct stats_lane *lanes;
	uint32_t nr_lanes;
};

struct stats *stats__create(uint32_t nr_lanes)
{
	struct stats *stats = calloc(1, sizeof(*stats));

	if (!stats)
		return NULL;
	stats->lanes = aligned_alloc(_Alignof(struct stats_lane), nr_lanes * sizeof(*stats->lanes));
	if (!stats->lanes) {
		free(stats);
		return NULL;
	}
	memset(stats->lanes, 0, nr_lanes * sizeof(*stats->lanes));
	stats->nr_lanes = nr_lanes;
	return stats;
}

void stats__destroy(struct stats *stats)
{
	if (!stats)
		return;
	free(stats->lanes);
	free(stats);
}

struct stats_lane *stats__lane(struct stats *stats, uint32_t index)
{
	return &stats->lanes[index];
}

void stats_lane__add(struct stats_lane *lane, enum counter counter, uint64_t n)
{
	_Atomic uint64_t *value = &lane->counters[counter];

	/* There is one writer, so a load and a store do, without a locked instruction. */
	atomic_store_explicit(value, atomic_load_explicit(value, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

size_t stats__json(const struct stats *stats, char buf[STATS_JSON_BYTES])
{
	uint64_t sum[NR_COUNTERS] = {0};
	uint32_t lane;
	int counter;

	for (lane = 0; lane < stats->nr_lanes; lane++)
		for (counter = 0; counter < NR_COUNTERS; counter++)
			sum[counter] += atomic_load_explicit(&stats->lanes[lane].counters[counter],
							     memory_order_relaxed);
	return snprintf(buf, STATS_JSON_BYTES,
			"{\"requests\":{\"fast\":%" PRIu64 ",\"slow\":%" PRIu64 ",\"gc\":%" PRIu64
			",\"stats\":%" PRIu64 ",\"other\":%" PRIu64 "},"
			"\"gc\":{\"allocated_blocks\":%" PRIu64 ",\"allocated_bytes\":%" PRIu64
			",\"freed_blocks\":%" PRIu64 ",\"freed_bytes\":%" PRIu64
			",\"retained_blocks\":%" PRIu64 ",\"retained_bytes\":%" PRIu64
			",\"failed\":%" PRIu64 "}}\n",
			sum[COUNT_FAST], sum[COUNT_SLOW], sum[COUNT_GC], sum[COUNT_STATS],
			sum[COUNT_OTHER], sum[COUNT_BLOCKS_ALLOCATED],
			sum[COUNT_BLOCKS_ALLOCATED] * GC_BLOCK_BYTES, sum[COUNT_BLOCKS_FREED],
			sum[COUNT_BLOCKS_FREED] * GC_BLOCK_BYTES, sum[COUNT_BLOCKS_RETAINED],
			sum[COUNT_BLOCKS_RETAINED] * GC_BLOCK_BYTES, sum[COUNT_ALLOC_FAILED]);
}
