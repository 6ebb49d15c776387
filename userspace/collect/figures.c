// SPDX-License-Identifier: Apache-2.0
#include "collect/figures.h"

#include "collect/internal.h"

static void set(struct collector_figures *figures, enum figured_map which, const char *name,
		uint64_t used, uint64_t capacity)
{
	figures->maps[which] = (struct map_fill){
		.name = name,
		.used = used,
		.capacity = capacity,
	};
}

/* What user space has removed the kernel side does not know of. The two are not read at one
 * instant. */
static uint64_t fill_of(const struct collector *collector, const uint64_t *fills, uint32_t which)
{
	int64_t fill = fills[which] - collector->removed[which];

	return fill > 0 ? fill : 0;
}

static void set_filled(const struct collector *collector, struct collector_figures *figures,
		       const uint64_t *fills)
{
	struct exoprof_bpf *skel = collector->skel;
	const struct {
		enum figured_map which;
		uint32_t fill;
		const struct bpf_map *map;
	} maps[] = {
		{FIGURED_CPU_STACKS,    WIRE_FILL_CPU_STACKS,    skel->maps.cpu_stacks   },
		{FIGURED_CPU_COUNTS,    WIRE_FILL_CPU_COUNTS,    skel->maps.cpu_counts   },
		{FIGURED_HEAP_STACKS,   WIRE_FILL_HEAP_STACKS,   skel->maps.heap_stacks  },
		{FIGURED_HEAP_STATS,    WIRE_FILL_HEAP_STATS,    skel->maps.heap_stats   },
		{FIGURED_HEAP_LIVE,     WIRE_FILL_HEAP_LIVE,     skel->maps.heap_live    },
		{FIGURED_KEPT_STACKS,   WIRE_FILL_KEPT_STACKS,   skel->maps.kept_stacks  },
		{FIGURED_OFFCPU_COUNTS, WIRE_FILL_OFFCPU_COUNTS, skel->maps.offcpu_counts},
		{FIGURED_CLONE_COUNTS,  WIRE_FILL_CLONE_COUNTS,  skel->maps.clone_counts },
	};

	for (size_t i = 0; i < sizeof(maps) / sizeof(*maps); i++)
		set(figures, maps[i].which, bpf_map__name(maps[i].map),
		    fill_of(collector, fills, maps[i].fill), bpf_map__max_entries(maps[i].map));
}

/* Each process that is followed is in one era; those that it has left are taken out of the kernel's
 * map when they are found, once a second at least. */
static void set_kept(const struct collector *collector, struct collector_figures *figures)
{
	const struct tables_size *tables = &figures->tables;
	uint64_t alive = eras__alive(collector->eras);

	set(figures, FIGURED_PROCESSES, "processes", alive, WIRE_PROCESSES_MAX);
	set(figures, FIGURED_ERAS, "eras", alive, WIRE_ERAS_MAX);
	set(figures, FIGURED_UNWIND_BLOCKS, "unwind_blocks", tables->blocks, WIRE_BLOCKS_MAX);
	set(figures, FIGURED_UNWIND_PAGES, "unwind_pages", tables->pages, WIRE_PAGES_MAX);
	set(figures, FIGURED_UNWIND_RULES, "unwind_rules", tables->rules, WIRE_RULES_MAX);
	set(figures, FIGURED_MAPPING_POOL, "mapping_pool", tables->mappings, WIRE_MAPPING_POOL);
}

int collector__figures(struct collector *collector, struct collector_figures *figures)
{
	struct exoprof_bpf *skel = collector->skel;
	uint64_t fills[WIRE_FILLS] = {};
	int err;

	*figures = (struct collector_figures){};
	err = counters__read(collector, figures->counters);
	if (!err)
		err = map__sum_cpus(skel->maps.stack_ends, figures->ends, WIRE_STACK_ENDS);
	if (!err)
		err = map__sum_cpus(skel->maps.fills, fills, WIRE_FILLS);
	tables__size(collector->tables, &figures->tables);
	file_rows__figures(collector->file_rows, &figures->rows);
	figures->map_bytes = collector->map_bytes + figures->tables.bytes;
	set_filled(collector, figures, fills);
	set_kept(collector, figures);
	return err;
}
