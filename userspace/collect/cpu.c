// SPDX-License-Identifier: Apache-2.0
/* CPU time: perf events, windows, and the counts of their epochs. */
#include <bpf/bpf.h>
#include <errno.h>
#include <limits.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/intern.h"
#include "collect/internal.h"
#include "collect/ticking.h"

struct cpu_window {
	struct cpu_window *next;
	uint64_t first_epoch;
	int64_t start_ns;
	bool with_tid;
	uint64_t counters_then[WIRE_COUNTERS]; /* at the start */
	uint64_t counters_now[WIRE_COUNTERS];  /* when it was last looked at */
};

/* A stack that was taken out of the kernel's map, when its last counts were. A program that had
 * found it there just before may still count under it. */
struct retired_stack {
	struct sample_stack stack;
	uint64_t epoch; /* as of that time */
};

struct cpu_source {
	struct ticking ticking; /* while sampling runs */
	struct cpu_window *windows;
	uint64_t forgotten_epoch; /* counts of earlier ones are deleted */
	struct retired_stack *retired;
	size_t retired_count, retired_capacity;
	const char *event;
};

static const struct {
	const char *name;
	uint32_t type;
	uint64_t config;
} events[] = {
	{"cycles",    PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
 /* Virtual machines often have no counters to lend. */
	{"cpu-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK },
};

struct cpu_source *cpu_source__new(struct link_keeper *keeper)
{
	struct cpu_source *source = calloc(1, sizeof(*source));

	if (source)
		source->ticking.links.keeper = keeper;
	return source;
}

/* Those that no count of this epoch or a later one can be of: a program that was about to count had
 * found its epoch when the stack was taken away, or finds the next one. */
static void drop_retired(struct cpu_source *source, uint64_t epoch)
{
	size_t kept = 0;

	for (size_t i = 0; i < source->retired_count; i++) {
		if (source->retired[i].epoch + 1 < epoch)
			free(source->retired[i].stack.frames);
		else
			source->retired[kept++] = source->retired[i];
	}
	source->retired_count = kept;
}

void cpu_source__free(struct cpu_source *source)
{
	struct cpu_window *next;

	if (!source)
		return;
	ticking__stop(&source->ticking);
	drop_retired(source, UINT64_MAX);
	free(source->retired);
	for (struct cpu_window *window = source->windows; window; window = next) {
		next = window->next;
		free(window);
	}
	free(source);
}

static int start_ticking(struct collector *collector)
{
	int err = -ENODEV;

	for (size_t event = 0; event < sizeof(events) / sizeof(*events); event++) {
		struct perf_event_attr attr = {
			.size = sizeof(attr),
			.type = events[event].type,
			.config = events[event].config,
			.sample_freq = collector->options.frequency,
			.freq = 1,
		};

		err = ticking__start(&collector->cpu->ticking, collector->skel->progs.cpu_tick, 0,
				     &attr);
		if (!err) {
			collector->cpu->event = events[event].name;
			return 0;
		}
		/* Any other answer would be the same for the next event. */
		if (err != -ENOENT && err != -EOPNOTSUPP && err != -ENODEV && err != -EINVAL)
			return err;
	}
	return err;
}

struct cpu_window *cpu__start(struct collector *collector, bool with_tid)
{
	struct cpu_source *source = collector->cpu;
	struct cpu_window *window = calloc(1, sizeof(*window));
	int err;

	if (!window)
		return NULL;
	err = counters__read(collector, window->counters_then);
	if (!err && !source->windows)
		err = start_ticking(collector);
	if (err) {
		free(window);
		errno = -err;
		return NULL;
	}
	window->first_epoch = ++collector->skel->bss->cpu_epoch;
	window->start_ns = clock__monotonic_ns();
	window->with_tid = with_tid;
	if (with_tid)
		collector__want_tid(collector, true);
	window->next = source->windows;
	source->windows = window;
	return window;
}

/* The window leaves the list; the next epoch begins. Gives the first that is not the window's. */
static uint64_t leave(struct collector *collector, struct cpu_window *window)
{
	struct cpu_source *source = collector->cpu;
	struct cpu_window **at = &source->windows;

	while (*at != window)
		at = &(*at)->next;
	*at = window->next;
	if (window->with_tid)
		collector__want_tid(collector, false);
	if (!source->windows)
		ticking__stop(&source->ticking);
	return ++collector->skel->bss->cpu_epoch;
}

/* What of the counts is one window's. A thread's stack has a row in each of the window's epochs. */
struct counting {
	struct gathering gathering;
	const struct cpu_source *source;
	uint64_t first_epoch, end_epoch;
	bool with_tid;
};

/* Gives a stack that is not in the map any more its frames. */
static int look_among_retired(const struct cpu_source *source, struct sample_stack *stack)
{
	for (size_t i = 0; i < source->retired_count; i++) {
		const struct sample_stack *retired = &source->retired[i].stack;
		size_t size = (retired->kernel_depth + retired->user_depth + 1) * sizeof(uint64_t);

		if (retired->hash != stack->hash)
			continue;
		*stack = *retired;
		stack->frames = malloc(size);
		if (!stack->frames)
			return -ENOMEM;
		memcpy(stack->frames, retired->frames, size);
		return 0;
	}
	return 0;
}

static int find_stack(struct counting *counting, uint64_t hash, uint32_t *index)
{
	struct gathering *gathering = &counting->gathering;
	struct sample_stack *stack;
	bool is_new;
	int err = gathering__stack(gathering, hash, index, &is_new);

	if (err || !is_new)
		return err;
	stack = &gathering->samples->stacks[*index];
	return stack->frames ? 0 : look_among_retired(counting->source, stack);
}

static int add_count(void *context, const void *key_bytes, const void *value)
{
	struct counting *counting = context;
	struct samples *samples = counting->gathering.samples;
	const struct wire_cpu_key *key = key_bytes;
	uint64_t count = *(const uint64_t *)value;
	struct sample_row like = {.tid = counting->with_tid ? key->tid : 0};
	struct sample_row *row;
	int err;

	if (key->epoch < counting->first_epoch || key->epoch >= counting->end_epoch)
		return 0;
	err = gathering__process(&counting->gathering, key->era, &like.process);
	if (err == -ENOENT) {
		samples->counters[WIRE_CPU_COUNTED] -= count;
		samples->counters[WIRE_CPU_LOST] += count;
	}
	if (err)
		return err == -ENOENT ? 0 : err;
	err = find_stack(counting, key->stack, &like.stack);
	memcpy(like.thread, key->comm, sizeof(like.thread) - 1);
	if (!err)
		err = gathering__row(&counting->gathering, &like, &row);
	if (!err)
		row->samples += count;
	return err;
}

uint64_t cpu__oldest_epoch(const struct collector *collector)
{
	uint64_t oldest = UINT64_MAX;

	for (const struct cpu_window *window = collector->cpu->windows; window;
	     window = window->next) {
		if (window->first_epoch < oldest)
			oldest = window->first_epoch;
	}
	return oldest;
}

/* What is in the maps, for deciding what may go. */
struct forgetting {
	uint64_t oldest_epoch;       /* of counts that are still needed */
	struct intern *needed;       /* hashes of their stacks */
	struct wire_cpu_key *counts; /* that are not */
	size_t count_count, count_capacity;
	struct wire_chunk_key *chunks;
	size_t chunk_count, chunk_capacity;
};

static int sort_count(void *context, const void *key, const void *value)
{
	struct forgetting *forgetting = context;
	const struct wire_cpu_key *count = key;

	(void)value;
	if (count->epoch < forgetting->oldest_epoch)
		return array_append(&forgetting->counts, &forgetting->count_count,
				    &forgetting->count_capacity, *count);
	return intern__id(forgetting->needed, &count->stack, sizeof(count->stack), NULL) ==
			       INTERN_FAILED
		       ? -ENOMEM
		       : 0;
}

static int list_chunk(void *context, const void *key, const void *value)
{
	struct forgetting *forgetting = context;

	(void)value;
	return array_append(&forgetting->chunks, &forgetting->chunk_count,
			    &forgetting->chunk_capacity, *(const struct wire_chunk_key *)key);
}

/* Once nothing ticks any more. */
static void delete_stacks(struct collector *collector, const struct forgetting *forgetting)
{
	int fd = bpf_map__fd(collector->skel->maps.cpu_stacks);

	for (size_t i = 0; i < forgetting->chunk_count; i++)
		collector->removed[WIRE_FILL_CPU_STACKS] +=
			!bpf_map_delete_elem(fd, &forgetting->chunks[i]);
	drop_retired(collector->cpu, UINT64_MAX);
}

/* A program takes a stack for being there by its first chunk, and writes that last: so it is
 * deleted last. */
static void retire(struct collector *collector, uint64_t hash)
{
	struct cpu_source *source = collector->cpu;
	int fd = bpf_map__fd(collector->skel->maps.cpu_stacks);
	struct wire_chunk_key key = {.stack = hash};
	struct retired_stack retired = {.epoch = collector->skel->bss->cpu_epoch};
	uint32_t last;

	if (map__read_stack(fd, hash, &retired.stack) || !retired.stack.frames)
		return;
	if (array_append(&source->retired, &source->retired_count, &source->retired_capacity,
			 retired)) {
		free(retired.stack.frames);
		return;
	}
	last = (retired.stack.kernel_depth + retired.stack.user_depth) / WIRE_CHUNK_WORDS;
	for (uint32_t index = last + 1; index-- > 0;) {
		key.index = index;
		collector->removed[WIRE_FILL_CPU_STACKS] += !bpf_map_delete_elem(fd, &key);
	}
}

static void retire_stacks(struct collector *collector, const struct forgetting *forgetting)
{
	drop_retired(collector->cpu, forgetting->oldest_epoch);
	for (size_t i = 0; i < forgetting->chunk_count; i++) {
		const struct wire_chunk_key *chunk = &forgetting->chunks[i];

		if (!chunk->index && intern__find(forgetting->needed, &chunk->stack,
						  sizeof(chunk->stack)) == INTERN_FAILED)
			retire(collector, chunk->stack);
	}
}

/* Deletes what no open window needs, so that one that stays open does not fill the maps. What short
 * memory leaves behind goes the next time. */
void cpu__forget_old(struct collector *collector, bool again)
{
	struct exoprof_bpf *skel = collector->skel;
	struct forgetting forgetting = {
		.oldest_epoch = cpu__oldest_epoch(collector),
		.needed = intern__new(),
	};
	int counts_fd = bpf_map__fd(skel->maps.cpu_counts);
	int err = -ENOMEM;

	if ((forgetting.oldest_epoch == collector->cpu->forgotten_epoch && !again) ||
	    !forgetting.needed)
		goto out;
	err = map__each(counts_fd, sizeof(struct wire_cpu_key), sizeof(uint64_t), sort_count,
			&forgetting);
	for (size_t i = 0; i < forgetting.count_count; i++)
		collector->removed[WIRE_FILL_CPU_COUNTS] +=
			!bpf_map_delete_elem(counts_fd, &forgetting.counts[i]);
	if (!err)
		err = map__each(bpf_map__fd(skel->maps.cpu_stacks), sizeof(struct wire_chunk_key),
				sizeof(struct wire_chunk), list_chunk, &forgetting);
	if (!err && collector->cpu->windows)
		retire_stacks(collector, &forgetting);
	else if (!collector->cpu->windows)
		delete_stacks(collector, &forgetting);
	if (!err)
		collector->cpu->forgotten_epoch =
			collector->cpu->windows ? forgetting.oldest_epoch : 0;
out:
	intern__free(forgetting.needed);
	free(forgetting.counts);
	free(forgetting.chunks);
}

static int gather_counts(struct collector *collector, struct cpu_window *window, uint64_t end_epoch,
			 struct samples *samples)
{
	struct exoprof_bpf *skel = collector->skel;
	struct counting counting = {
		.source = collector->cpu,
		.first_epoch = window->first_epoch,
		.end_epoch = end_epoch,
		.with_tid = window->with_tid,
	};
	int err = counters__read(collector, window->counters_now);

	for (int i = 0; i < WIRE_COUNTERS; i++)
		samples->counters[i] = window->counters_now[i] - window->counters_then[i];
	if (!err)
		err = gathering__begin(&counting.gathering, collector, samples,
				       skel->maps.cpu_stacks);
	if (!err)
		err = map__each(bpf_map__fd(skel->maps.cpu_counts), sizeof(struct wire_cpu_key),
				sizeof(uint64_t), add_count, &counting);
	gathering__end(&counting.gathering);
	return err;
}

/* NULL with errno set. */
static struct samples *gather(struct collector *collector, struct cpu_window *window,
			      uint64_t end_epoch)
{
	struct samples *samples = samples__new(SAMPLES_CPU);
	int err;

	if (!samples)
		return NULL;
	samples->frequency = collector->options.frequency;
	samples->how = collector->cpu->event;
	samples__stamp(samples);
	samples->duration_ns = samples->monotonic_ns - window->start_ns;
	err = gather_counts(collector, window, end_epoch, samples);
	if (!err)
		return samples;
	samples__free(samples);
	errno = -err;
	return NULL;
}

struct samples *cpu__end(struct collector *collector, struct cpu_window *window)
{
	struct samples *samples = gather(collector, window, leave(collector, window));
	int err = samples ? 0 : errno;

	cpu__forget_old(collector, false);
	free(window);
	errno = err;
	return samples;
}

struct samples *cpu__take(struct collector *collector, struct cpu_window *window)
{
	uint64_t end_epoch = ++collector->skel->bss->cpu_epoch;
	struct samples *samples = gather(collector, window, end_epoch);

	if (!samples)
		return NULL;
	window->first_epoch = end_epoch;
	window->start_ns = samples->monotonic_ns;
	memcpy(window->counters_then, window->counters_now, sizeof(window->counters_then));
	cpu__forget_old(collector, false);
	return samples;
}

void cpu__cancel(struct collector *collector, struct cpu_window *window)
{
	leave(collector, window);
	cpu__forget_old(collector, false);
	free(window);
}
