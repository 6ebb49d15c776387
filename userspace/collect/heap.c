// SPDX-License-Identifier: Apache-2.0
/* The heap: probes on the allocator, and the books kept of what it gave and took back. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/intern.h"
#include "base/kernel.h"
#include "collect/heap_probes.h"
#include "heap_filter.h"

struct heap_source {
	struct heap_probes *probes;
	uint32_t since_era;                     /* counters are from there on */
	uint64_t since_counters[WIRE_COUNTERS]; /* what they were then */
};

struct heap_source *heap_source__new(void)
{
	struct heap_source *source = calloc(1, sizeof(*source));

	if (!source)
		return NULL;
	source->probes = heap_probes__new();
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
	free(source);
}

/* Since 6.1 BPF's own allocator makes it safe to allocate elements as they come, from any context;
 * before, a map has to be paid for whole (kernel commit 7c8199e24fa0). */
static bool allocates_safely(void)
{
	return kernel__version() >= KERNEL_VERSION(6, 1, 0);
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
		if (allocates_safely())
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

int heap__attach(struct collector *collector, pid_t pid, const struct allocator *allocator)
{
	return heap_probes__attach(collector->heap->probes, collector, pid, allocator);
}

void heap__detach(struct collector *collector, pid_t pid)
{
	heap_probes__detach(collector->heap->probes, pid);
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

void heap__rebase(struct collector *collector, uint32_t era)
{
	uint64_t counters[WIRE_COUNTERS];

	if (counters__read(collector->skel, counters))
		return;
	memcpy(collector->heap->since_counters, counters, sizeof(counters));
	collector->heap->since_era = era;
}

/* The keys of what is to be taken out of a map, by the era that is in a key or a value. */
struct outdated {
	const struct eras *eras;
	bool by_value; /* blocks; else rows */
	void *keys;
	size_t count, capacity;
};

/* What a process did before an exec is left out, and what one did that is forgotten. One that is
 * not known has just begun. */
static bool is_wanted(const struct eras *eras, uint32_t number)
{
	const struct era *era = eras__find(eras, number);

	return era ? era__counts(era) : !eras__was_dropped(eras, number);
}

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
	const struct wire_heap_key *of = outdated->by_value ? value : key;
	size_t key_size =
		outdated->by_value ? sizeof(struct wire_block) : sizeof(struct wire_heap_key);
	void *keys;

	if (outdated->by_value ? is_current(outdated->eras, of)
			       : is_wanted(outdated->eras, of->era))
		return 0;
	keys = array__grow(outdated->keys, outdated->count, &outdated->capacity, key_size);
	if (!keys)
		return -ENOMEM;
	outdated->keys = keys;
	memcpy((char *)keys + outdated->count++ * key_size, key, key_size);
	return 0;
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

static int find_outdated(struct bpf_map *map, struct outdated *outdated)
{
	return map__each(bpf_map__fd(map), bpf_map__key_size(map), bpf_map__value_size(map),
			 note_outdated, outdated);
}

static int forget_blocks(struct collector *collector)
{
	struct outdated outdated = {.eras = collector->eras, .by_value = true};
	int err = find_outdated(collector->skel->maps.heap_live, &outdated);
	const struct wire_block *blocks = outdated.keys;

	for (size_t i = 0; i < outdated.count && !err; i++)
		forget_block(collector, &blocks[i]);
	free(outdated.keys);
	return err;
}

static int forget_rows(struct collector *collector)
{
	struct exoprof_bpf *skel = collector->skel;
	struct outdated outdated = {.eras = collector->eras};
	int err = find_outdated(skel->maps.heap_stats, &outdated);
	const struct wire_heap_key *keys = outdated.keys;

	for (size_t i = 0; i < outdated.count && !err; i++)
		collector->removed[WIRE_FILL_HEAP_STATS] +=
			!bpf_map_delete_elem(bpf_map__fd(skel->maps.heap_stats), &keys[i]);
	free(outdated.keys);
	return err;
}

/* Stacks that rows still have, and those of the others. */
struct stack_sweep {
	struct intern *kept;
	struct wire_chunk_key *gone;
	size_t count, capacity;
};

static int keep_stack(void *context, const void *key_bytes, const void *value)
{
	struct stack_sweep *sweep = context;
	const struct wire_heap_key *key = key_bytes;

	(void)value;
	return intern__id(sweep->kept, &key->stack, sizeof(key->stack), NULL) == INTERN_FAILED
		       ? -ENOMEM
		       : 0;
}

static int note_chunk(void *context, const void *key_bytes, const void *value)
{
	struct stack_sweep *sweep = context;
	const struct wire_chunk_key *key = key_bytes;

	(void)value;
	if (intern__find(sweep->kept, &key->stack, sizeof(key->stack)) != INTERN_FAILED)
		return 0;
	return array_append(&sweep->gone, &sweep->count, &sweep->capacity, *key);
}

/* Or a program that executes itself again and again would fill the map. A call that is under way
 * may lose its stack. */
static int forget_stacks(struct collector *collector)
{
	struct exoprof_bpf *skel = collector->skel;
	struct stack_sweep sweep = {.kept = intern__new()};
	int fd = bpf_map__fd(skel->maps.heap_stacks);
	int err = sweep.kept ? 0 : -ENOMEM;

	if (!err)
		err = map__each(bpf_map__fd(skel->maps.heap_stats), sizeof(struct wire_heap_key),
				sizeof(struct wire_heap_counts), keep_stack, &sweep);
	if (!err)
		err = map__each(fd, sizeof(struct wire_chunk_key), sizeof(struct wire_chunk),
				note_chunk, &sweep);
	for (size_t i = 0; i < sweep.count && !err; i++)
		collector->removed[WIRE_FILL_STACKS + WIRE_SOURCE_HEAP] +=
			!bpf_map_delete_elem(fd, &sweep.gone[i]);
	free(sweep.gone);
	intern__free(sweep.kept);
	return err;
}

int heap__sweep(struct collector *collector)
{
	int err = forget_blocks(collector);

	if (!err)
		err = forget_rows(collector);
	if (!err)
		eras__clear_dropped(collector->eras);
	return err ? err : forget_stacks(collector);
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
	struct heap_source *source = collector->heap;
	struct gathering gathering = {};
	int err = counters__read(skel, samples->counters);

	samples->since_era = source->since_era;
	for (int i = 0; i < WIRE_COUNTERS; i++)
		samples->counters[i] -= source->since_counters[i];
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
	samples->time_ns = clock__realtime_ns();
	err = gather(collector, samples);
	if (!err)
		return samples;
	samples__free(samples);
	errno = -err;
	return NULL;
}
