// SPDX-License-Identifier: Apache-2.0
/* The heap: probes on the allocator, and the books kept of what it gave and took back. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/kernel.h"
#include "collect/heap_probes.h"
#include "collect/sweep.h"
#include "heap_filter.h"

struct heap_source {
	struct heap_probes *probes;
	struct intern *unused_stacks; /* hashes, when they were last looked at */
};

struct heap_source *heap_source__new(struct link_keeper *keeper)
{
	struct heap_source *source = calloc(1, sizeof(*source));

	if (!source)
		return NULL;
	source->probes = heap_probes__new(keeper);
	if (source->probes)
		return source;
	free(source);
	return NULL;
}

void heap_source__free(struct heap_source *source)
{
	if (!source)
		return;
	heap_probes__free(source->probes);
	intern__free(source->unused_stacks);
	free(source);
}

/* 256 Ki sampled blocks of 512 KiB on average stand for a heap of 128 GiB. When most allocations
 * are sampled, there is one for every live block. */
#define LIVE_SPARSE      262144
#define LIVE_DENSE       4194304
#define DENSE_RATE_BELOW 4096

static int configure_maps(struct collector *collector)
{
	struct exoprof_bpf *skel = collector->skel;
	struct bpf_map *const as_they_come[] = {
		skel->maps.heap_live,
		skel->maps.heap_stats,
		skel->maps.heap_stacks,
	};
	bool dense = collector->options.heap_rate < DENSE_RATE_BELOW;
	int err = bpf_map__set_max_entries(skel->maps.heap_live, dense ? LIVE_DENSE : LIVE_SPARSE);

	for (size_t i = 0; i < sizeof(as_they_come) / sizeof(*as_they_come) && !err; i++) {
		if (kernel__allocates_safely())
			err = bpf_map__set_map_flags(as_they_come[i], BPF_F_NO_PREALLOC);
	}
	return err;
}

int heap_source__configure(struct collector *collector)
{
	int err;

	collector->skel->rodata->heap_rate = collector->options.heap_rate;
	err = configure_maps(collector);
	return err ? err : heap_probes__configure(collector->heap->probes, collector);
}

int heap__attach(struct collector *collector, pid_t pid, const struct allocator *allocator,
		 const struct heap_stub *stub)
{
	return heap_probes__attach(collector->heap->probes, collector, pid, allocator, stub);
}

int heap__cookies(struct collector *collector, pid_t pid, const struct allocator *allocator,
		  uint64_t *cookies)
{
	return heap_probes__cookies(collector->heap->probes, collector, pid, allocator, cookies);
}

uint64_t heap__rate(const struct collector *collector)
{
	return collector->options.heap_rate;
}

void heap__count(struct collector *collector, enum wire_counter counter, uint64_t more)
{
	collector->counted[counter] += more;
}

void heap__detach(struct collector *collector, pid_t pid)
{
	heap_probes__detach(collector->heap->probes, pid, NULL);
}

void heap__detach_file(struct collector *collector, pid_t pid, const struct elf_file *file)
{
	heap_probes__detach(collector->heap->probes, pid, file);
}

void heap__forget(struct collector *collector, pid_t pid)
{
	heap_probes__forget(collector->heap->probes, pid);
}

void heap__set_safe_size(struct collector *collector, uint32_t era, uint64_t bytes)
{
	/* One that is over needs none. */
	eras__set_safe_size(collector->eras, era, bytes);
}

bool heap__follows_throwing(const struct collector *collector)
{
	return heap_probes__follow_throwing(collector->heap->probes);
}

bool heap__probes_by_perf(const struct collector *collector)
{
	/* The two go together: session probes, and none by perf events. */
	return !heap_probes__follow_throwing(collector->heap->probes);
}

const char *heap__flavour(const struct collector *collector)
{
	return heap_probes__flavour(collector->heap->probes);
}

int heap__hits(struct collector *collector, pid_t pid, struct heap_hits *hits)
{
	return heap_probes__hits(collector->heap->probes, collector, pid, hits);
}

int heap__calibrate(struct collector *collector, struct heap_prices *prices)
{
	return heap_probes__calibrate(collector->heap->probes, collector, prices);
}

void heap__new_spell(struct collector *collector, uint32_t era)
{
	eras__next_spell(collector->eras, era);
}

/* The blocks that are to be taken out of the books. */
struct outdated {
	const struct eras *eras;
	struct wire_block *blocks;
	size_t count, capacity;
};

/* Of blocks only those of this spell: what has ended since is not known of the others. */
static bool is_current(const struct eras *eras, const struct wire_heap_key *key)
{
	const struct era *era = eras__find(eras, key->era);

	if (!era)
		return !eras__was_dropped(eras, key->era);
	return !era->is_over && key->spell == era->spell;
}

static int note_outdated(void *context, const void *key, const void *value)
{
	struct outdated *outdated = context;

	if (is_current(outdated->eras, value))
		return 0;
	return array_append(&outdated->blocks, &outdated->count, &outdated->capacity,
			    *(const struct wire_block *)key);
}

/* The kernel side counts blocks in its filter, see bpf/heap_filter.h. */
static void take_from_filter(struct exoprof_bpf *skel, uint64_t address)
{
	__atomic_fetch_sub(&skel->bss->heap_filter[heap_filter_slot(address)], 1, __ATOMIC_SEQ_CST);
}

/* The key may have been given a new element meanwhile: that one is put back. */
static void forget_block(struct collector *collector, const struct wire_block *block)
{
	int fd = bpf_map__fd(collector->skel->maps.heap_live);
	struct wire_heap_key key;

	if (bpf_map_lookup_and_delete_elem(fd, block, &key))
		return;
	if (is_current(collector->eras, &key) && !bpf_map_update_elem(fd, block, &key, BPF_NOEXIST))
		return;
	collector->removed[WIRE_FILL_HEAP_LIVE]++;
	take_from_filter(collector->skel, block->address);
}

static int forget_blocks(struct collector *collector)
{
	struct outdated outdated = {.eras = collector->eras};
	int err = map__each(bpf_map__fd(collector->skel->maps.heap_live), sizeof(struct wire_block),
			    sizeof(struct wire_heap_key), note_outdated, &outdated);

	for (size_t i = 0; i < outdated.count && !err; i++)
		forget_block(collector, &outdated.blocks[i]);
	free(outdated.blocks);
	return err;
}

int heap__sweep(struct collector *collector)
{
	struct exoprof_bpf *skel = collector->skel;
	struct sweep_map rows = {
		.map = skel->maps.heap_stats,
		.era_at = offsetof(struct wire_heap_key, era),
		.removed = &collector->removed[WIRE_FILL_HEAP_STATS],
	};
	struct sweep_map stacks = {
		.map = skel->maps.heap_stacks,
		.removed = &collector->removed[WIRE_FILL_HEAP_STACKS],
	};
	int err = forget_blocks(collector);

	if (!err)
		err = sweep__rows(&rows, collector->eras);
	return err ? err
		   : sweep__stacks(&stacks, &collector->heap->unused_stacks, &rows, 1, NULL, 0);
}

/* Whether nothing is known any more of what was in use: of an earlier spell, or of a child that has
 * exited, and with it its memory. */
static bool is_closed(const struct era *era, const struct wire_heap_key *key)
{
	return key->spell != era->spell || (era->has_exited && !era->was_asked_for);
}

static int add_stats(void *context, const void *key_bytes, const void *value)
{
	struct gathering *gathering = context;
	const struct wire_heap_key *key = key_bytes;
	const struct wire_heap_counts *counts = value;
	const struct era *era = eras__find(gathering->eras, key->era);
	struct sample_row row = {
		.size = key->size,
		.spell = key->spell,
		.samples = counts->allocs,
		/* The two are not read at one instant. */
		.frees = counts->frees < counts->allocs ? counts->frees : counts->allocs,
	};
	bool is_new;
	int err;

	/* One that nothing is known of yet will be in the next snapshot. */
	if (!era || !era__counts(era))
		return 0;
	/* What of it is still there nobody knows: what is in use stays a lower bound. */
	row.is_closed = is_closed(era, key);
	if (row.is_closed)
		row.frees = row.samples;
	err = gathering__process(gathering, key->era, &row.process);
	if (!err)
		err = gathering__stack(gathering, key->stack, &row.stack, &is_new);
	return err ? err : samples__add_row(gathering->samples, row);
}

static int gather(struct collector *collector, struct samples *samples)
{
	struct exoprof_bpf *skel = collector->skel;
	struct gathering gathering = {};
	int err = counters__of_program(collector, samples);

	if (!err)
		err = gathering__begin(&gathering, collector, samples, skel->maps.heap_stacks);
	if (!err)
		err = map__each(bpf_map__fd(skel->maps.heap_stats), sizeof(struct wire_heap_key),
				sizeof(struct wire_heap_counts), add_stats, &gathering);
	gathering__end(&gathering);
	return err;
}

struct samples *heap__snapshot(struct collector *collector)
{
	struct samples *samples = samples__new(SAMPLES_HEAP);
	int err;

	if (!samples)
		return NULL;
	samples->heap_rate = collector->options.heap_rate;
	samples__stamp(samples);
	err = gather(collector, samples);
	if (!err)
		return samples;
	samples__free(samples);
	errno = -err;
	return NULL;
}
