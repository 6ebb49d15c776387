/* SPDX-License-Identifier: Apache-2.0 */
/* What the collector knows of itself. */
#ifndef EXOPROF_FIGURES_H
#define EXOPROF_FIGURES_H

#include <linux/types.h>
#include <stdint.h>

#include "collect/file_rows.h"
#include "collect/tables.h"
#include "wire.h"

struct collector;

/* The maps, and parts of maps, that can be full. */
enum figured_map {
	FIGURED_CPU_STACKS,
	FIGURED_CPU_COUNTS,
	FIGURED_HEAP_STACKS,
	FIGURED_HEAP_STATS,
	FIGURED_HEAP_LIVE,
	FIGURED_KEPT_STACKS,
	FIGURED_OFFCPU_COUNTS,
	FIGURED_CLONE_COUNTS,
	FIGURED_PROCESSES,
	FIGURED_ERAS,
	FIGURED_UNWIND_BLOCKS,
	FIGURED_UNWIND_PAGES,
	FIGURED_UNWIND_RULES,
	FIGURED_MAPPING_POOL,
	FIGURED_MAPS,
};

struct map_fill {
	const char *name; /* a constant; as the kernel side has it */
	uint64_t used, capacity;
};

/* Since the start, of all processes. */
struct collector_figures {
	uint64_t counters[WIRE_COUNTERS];
	uint64_t ends[WIRE_STACK_ENDS]; /* see WIRE_END_INDEX() */
	struct map_fill maps[FIGURED_MAPS];
	struct tables_size tables;
	struct file_rows_figures rows;
	uint64_t map_bytes; /* of kernel memory, all maps together, those for rows included */
};

/* Takes some 100 us, however full the maps are: none is walked. 0 or -errno, with zeros for what
 * could not be read. */
int collector__figures(struct collector *collector, struct collector_figures *figures);

#endif
