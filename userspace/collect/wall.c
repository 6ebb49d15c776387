// SPDX-License-Identifier: Apache-2.0
/* All threads' time: what the ticks found on the CPU, the waits that ended, and those that go on.
 * Waits are counted whole when they end; what of them was before the window is taken off again. */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/intern.h"
#include "collect/internal.h"

struct wall_window {
	struct cpu_window *cpu;
	struct samples *waits;   /* until its start */
	struct samples *threads; /* at its start */
	int64_t start_ns;        /* monotonic */
	bool with_tid;
};

static void free_window(struct collector *collector, struct wall_window *window)
{
	int err = errno;

	if (window->with_tid)
		collector__want_tid(collector, false);
	errno = err;
	samples__free(window->waits);
	samples__free(window->threads);
	free(window);
}

/* The threads take the longest to look at. What has ended of their waits by the time that the waits
 * were read is among those already. Gives the instant that both stand for, or -errno. */
static int64_t look(struct collector *collector, bool with_tid, struct samples **threads,
		    struct samples **waits)
{
	int64_t now_ns;
	int err;

	*threads = threads__snapshot(collector, true);
	if (!*threads)
		return -errno;
	*waits = offcpu__snapshot(collector, with_tid);
	now_ns = clock__monotonic_ns();
	if (!*waits)
		return -errno;
	err = threads__drop_ended(collector, *threads);
	for (size_t i = 0; i < (*threads)->row_count; i++)
		(*threads)->rows[i].ns += now_ns - (*threads)->monotonic_ns;
	return err ? err : now_ns;
}

struct wall_window *wall__start(struct collector *collector, bool with_tid)
{
	struct wall_window *window = calloc(1, sizeof(*window));

	if (!window)
		return NULL;
	window->with_tid = with_tid;
	/* Before the first look: what ends after it is to be told apart by thread. */
	if (with_tid)
		collector__want_tid(collector, true);
	window->start_ns = look(collector, with_tid, &window->threads, &window->waits);
	if (window->start_ns < 0)
		errno = -window->start_ns;
	else
		window->cpu = cpu__start(collector, with_tid);
	if (window->cpu)
		return window;
	free_window(collector, window);
	return NULL;
}

void wall__cancel(struct collector *collector, struct wall_window *window)
{
	cpu__cancel(collector, window->cpu);
	free_window(collector, window);
}

/* Keeps of the threads' rows the time off the CPU that is to be added or taken off, without what
 * cannot be told apart in the waits. */
static void keep_time(struct samples *threads, bool with_tid)
{
	size_t kept = 0;

	for (size_t i = 0; i < threads->row_count; i++) {
		struct sample_row row = threads->rows[i];

		if (row.is_running || row.ns <= 0)
			continue;
		row.samples = 0;
		if (!with_tid)
			row.tid = 0;
		threads->rows[kept++] = row;
	}
	threads->row_count = kept;
}

/* A wait at the start that still goes on at the end was counted nowhere: the thread has not been on
 * a CPU since. */
static int drop_lasting(struct samples *before, const struct samples *after, int64_t window_ns)
{
	struct intern *lasting = intern__new();
	int err = lasting ? 0 : -ENOMEM;

	for (size_t i = 0; i < after->row_count && !err; i++) {
		const struct sample_row *row = &after->rows[i];

		if (!row->is_running && row->ns >= window_ns &&
		    intern__id(lasting, &row->tid, sizeof(row->tid), NULL) == INTERN_FAILED)
			err = -ENOMEM;
	}
	for (size_t i = 0; i < before->row_count && !err; i++) {
		struct sample_row *row = &before->rows[i];

		if (intern__find(lasting, &row->tid, sizeof(row->tid)) != INTERN_FAILED)
			row->ns = 0;
	}
	intern__free(lasting);
	return err;
}

static int clip(struct wall_window *window, struct samples *after, int64_t window_ns)
{
	int err = drop_lasting(window->threads, after, window_ns);

	for (size_t i = 0; i < after->row_count; i++) {
		struct sample_row *row = &after->rows[i];

		if (row->ns > window_ns)
			row->ns = window_ns;
	}
	keep_time(window->threads, window->with_tid);
	keep_time(after, window->with_tid);
	return err;
}

/* Ticks become time. What is off by the sampling of short waits can be less than nothing. */
static void keep_positive(struct samples *wall)
{
	size_t kept = 0;

	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): no error, so there it is */
	for (size_t i = 0; i < wall->row_count; i++) {
		struct sample_row row = wall->rows[i];

		row.samples = 0;
		if (row.ns > 0)
			wall->rows[kept++] = row;
	}
	wall->row_count = kept;
}

static void ticks_to_time(struct samples *cpu)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): no error, so there it is */
	for (size_t i = 0; i < cpu->row_count; i++) {
		cpu->rows[i].is_running = true;
		cpu->rows[i].ns = cpu->rows[i].samples * (1000000000 / cpu->frequency);
		cpu->rows[i].samples = 0;
	}
}

static int add_up(struct wall_window *window, int64_t end_ns, struct samples *cpu,
		  struct samples *waits, struct samples *after)
{
	int err = samples__subtract(waits, window->waits);

	if (!err)
		err = clip(window, after, end_ns - window->start_ns);
	ticks_to_time(cpu);
	if (!err)
		err = samples__merge(waits, window->threads, -1);
	if (!err)
		err = samples__merge(waits, after, 1);
	keep_positive(waits);
	return err ? err : samples__merge(waits, cpu, 1);
}

/* The ticks' own counters are of the window, too. */
static void take_over(struct samples *wall, const struct samples *cpu, const struct samples *after)
{
	wall->source = SAMPLES_WALL;
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): no error, so there it is */
	wall->frequency = cpu->frequency;
	wall->how = cpu->how;
	wall->time_ns = cpu->time_ns;
	wall->monotonic_ns = cpu->monotonic_ns;
	wall->duration_ns = cpu->duration_ns;
	wall->threads_missed = after->threads_missed;
}

struct samples *wall__end(struct collector *collector, struct wall_window *window)
{
	struct samples *waits = NULL, *after = NULL, *cpu;
	int64_t end_ns = look(collector, window->with_tid, &after, &waits);
	int err = end_ns < 0 ? end_ns : 0;

	cpu = cpu__end(collector, window->cpu);
	if (!err && !cpu)
		err = -errno;
	if (!err)
		err = add_up(window, end_ns, cpu, waits, after);
	if (!err) {
		take_over(waits, cpu, after);
	} else {
		samples__free(waits);
		waits = NULL;
	}
	samples__free(cpu);
	samples__free(after);
	free_window(collector, window);
	errno = -err;
	return waits;
}
