/* SPDX-License-Identifier: Apache-2.0 */
/* The truth: what the server has done, counted by the server itself. A profile of it can be
 * checked against /stats. */
#ifndef DEMO_STATS_H
#define DEMO_STATS_H

#include <stddef.h>
#include <stdint.h>

#define GC_BLOCK_BYTES 10240

enum counter {
	COUNT_FAST,
	COUNT_SLOW,
	COUNT_GC,
	COUNT_STATS,
	COUNT_OTHER, /* answered with 404 or 405 */
	COUNT_BLOCKS_ALLOCATED,
	COUNT_BLOCKS_FREED,
	COUNT_BLOCKS_RETAINED,
	COUNT_ALLOC_FAILED,
	NR_COUNTERS,
};

struct stats;
struct stats_lane; /* the counters of one thread: only that thread may add to them */

struct stats *stats__create(uint32_t nr_lanes); /* NULL with errno set */
void stats__destroy(struct stats *stats);       /* NULL is fine */
struct stats_lane *stats__lane(struct stats *stats, uint32_t index);
void stats_lane__add(struct stats_lane *lane, enum counter counter, uint64_t n);

#define STATS_JSON_BYTES 1024 /* room for the text below with every counter at 2^64 - 1 */

/* Sums all lanes into JSON; returns its length. Exact once the load has stopped. */
size_t stats__json(const struct stats *stats, char buf[STATS_JSON_BYTES]);

#endif
