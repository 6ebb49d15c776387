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
#include "collect/internal.h"
#include "collect/ticking.h"

struct cpu_window {
	struct cpu_window *next;
	uint64_t first_epoch;
	int64_t start_ns;
	bool with_tid;
	uint64_t counters[WIRE_COUNTERS];
};

struct cpu_source {
	struct ticking ticking; /* while sampling runs */
	struct cpu_window *windows;
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

struct cpu_source *cpu_source__new(void)
{
	return calloc(1, sizeof(struct cpu_source));
}

void cpu_source__free(struct cpu_source *source)
{
	struct cpu_window *next;

	if (!source)
		return;
	ticking__stop(&source->ticking);
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
	err = counters__read(collector->skel, window->counters);
	if (!err && !source->windows)
		err = start_ticking(collector);
	if (err) {
		free(window);
		errno = -err;
		return NULL;
	}
	window->first_epoch = ++collector->skel->bss->cpu_epoch;
	window->start_ns = clock__realtime_ns();
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
	uint64_t first_epoch, end_epoch;
	bool with_tid;
};

static int add_count(void *context, const void *key_bytes, const void *value)
{
	struct counting *counting = context;
	struct samples *samples = counting->gathering.samples;
	const struct wire_cpu_key *key = key_bytes;
	uint64_t count = *(const uint64_t *)value;
	struct sample_row like = {.tid = counting->with_tid ? key->tid : 0};
	struct sample_row *row;
	bool is_new;
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
	err = gathering__stack(&counting->gathering, key->stack, &like.stack, &is_new);
	memcpy(like.thread, key->comm, sizeof(like.thread) - 1);
	if (!err)
		err = gathering__row(&counting->gathering, &like, &row);
	if (!err)
		row->samples += count;
	return err;
}

struct key_list {
	void *keys;
	size_t count, capacity, size;
	uint64_t oldest_epoch; /* of counts that are still needed */
};

static int list_old_count(void *context, const void *key, const void *value)
{
	struct key_list *list = context;
	struct wire_cpu_key **keys = (struct wire_cpu_key **)&list->keys;
	const struct wire_cpu_key *count = key;

	(void)value;
	if (count->epoch >= list->oldest_epoch)
		return 0;
	return array_append(keys, &list->count, &list->capacity, *count);
}

static int list_chunk(void *context, const void *key, const void *value)
{
	struct key_list *list = context;
	struct wire_chunk_key **keys = (struct wire_chunk_key **)&list->keys;

	(void)value;
	return array_append(keys, &list->count, &list->capacity,
			    *(const struct wire_chunk_key *)key);
}

static void delete_listed(int map_fd, struct key_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		bpf_map_delete_elem(map_fd, (char *)list->keys + i * list->size);
	free(list->keys);
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

/* Deletes the counts that no open window needs, and once nothing ticks any more, all stacks: a
 * program that is running may have just found the stack that it is going to count under. */
void cpu__forget_old(struct collector *collector)
{
	struct exoprof_bpf *skel = collector->skel;
	struct key_list counts = {
		.size = sizeof(struct wire_cpu_key),
		.oldest_epoch = cpu__oldest_epoch(collector),
	};
	struct key_list chunks = {.size = sizeof(struct wire_chunk_key)};
	int counts_fd = bpf_map__fd(skel->maps.cpu_counts);
	int stacks_fd = bpf_map__fd(skel->maps.cpu_stacks);

	/* What short memory leaves behind goes the next time. */
	map__each(counts_fd, counts.size, sizeof(uint64_t), list_old_count, &counts);
	delete_listed(counts_fd, &counts);
	if (collector->cpu->windows)
		return;
	map__each(stacks_fd, chunks.size, sizeof(struct wire_chunk), list_chunk, &chunks);
	delete_listed(stacks_fd, &chunks);
}

static int gather(struct collector *collector, const struct cpu_window *window, uint64_t end_epoch,
		  struct samples *samples)
{
	struct exoprof_bpf *skel = collector->skel;
	struct counting counting = {
		.first_epoch = window->first_epoch,
		.end_epoch = end_epoch,
		.with_tid = window->with_tid,
	};
	int err = counters__read(skel, samples->counters);

	for (int i = 0; i < WIRE_COUNTERS; i++)
		samples->counters[i] -= window->counters[i];
	if (!err)
		err = gathering__begin(&counting.gathering, collector, samples,
				       skel->maps.cpu_stacks);
	if (!err)
		err = map__each(bpf_map__fd(skel->maps.cpu_counts), sizeof(struct wire_cpu_key),
				sizeof(uint64_t), add_count, &counting);
	gathering__end(&counting.gathering);
	return err;
}

struct samples *cpu__end(struct collector *collector, struct cpu_window *window)
{
	uint64_t end_epoch = leave(collector, window);
	struct samples *samples = samples__new(SAMPLES_CPU);
	int err = -ENOMEM;

	if (!samples)
		goto out;
	samples->frequency = collector->options.frequency;
	samples->how = collector->cpu->event;
	samples->time_ns = clock__realtime_ns();
	samples->duration_ns = samples->time_ns - window->start_ns;
	err = gather(collector, window, end_epoch, samples);
	if (err) {
		samples__free(samples);
		samples = NULL;
	}
out:
	cpu__forget_old(collector);
	free(window);
	errno = -err;
	return samples;
}

void cpu__cancel(struct collector *collector, struct cpu_window *window)
{
	leave(collector, window);
	cpu__forget_old(collector);
	free(window);
}
