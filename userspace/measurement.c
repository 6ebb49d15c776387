// SPDX-License-Identifier: Apache-2.0
#include "measurement.h"

#include <errno.h>
#include <string.h>
#include <time.h>

void measuring__release(struct measuring *measuring)
{
	for (size_t i = 0; i < sizeof(measuring->since_last) / sizeof(*measuring->since_last); i++)
		samples__free(measuring->since_last[i].samples);
}

static bool is_alive(const struct measuring *measuring)
{
	return targets__alive(measuring->targets);
}

/* Looks at a program that has just begun, which has its libraries mapped after about a millisecond:
 * as often as finds one that executes itself every 2 ms in a moment in which it has. */
#define LOOKS        20
#define LOOK_WAIT_NS 500000

/* Whether the heap is followed is known better once its mappings are read. */
static bool has_heap(const struct measuring *measuring)
{
	static const struct timespec wait = {.tv_nsec = LOOK_WAIT_NS};
	struct heap_state heap;

	for (unsigned int i = 0; i < LOOKS; i++) {
		targets__heap(measuring->targets, &heap);
		if (heap.is_followed || !targets__begin(measuring->targets))
			break;
		nanosleep(&wait, NULL);
		targets__refresh(measuring->targets);
	}
	return heap.is_followed;
}

static struct samples *heap_now(const struct measuring *measuring,
				const struct agent_request *request)
{
	struct samples *now;

	if (!has_heap(measuring)) {
		errno = ENODATA;
		return NULL;
	}
	targets__count(measuring->targets);
	now = heap__snapshot(measuring->collector);
	if (!now)
		return NULL;
	targets__annotate(measuring->targets, now);
	now->show_preattach = request->preattach;
	return now;
}

static struct samples *threads_now(const struct measuring *measuring,
				   const struct agent_request *request)
{
	if (is_alive(measuring))
		return threads__snapshot(measuring->collector, request->with_tid);
	errno = ESRCH;
	return NULL;
}

static struct samples *clones_now(const struct measuring *measuring)
{
	struct samples *now = clones__snapshot(measuring->collector);

	if (now)
		now->threads_before = targets__threads_before(measuring->targets);
	return now;
}

/* How things stand. NULL with errno set. */
static struct samples *now(const struct measuring *measuring, const struct agent_request *request)
{
	switch (request->kind->source) {
	case SAMPLES_HEAP:
		return heap_now(measuring, request);
	case SAMPLES_WAITS:
		return offcpu__snapshot(measuring->collector, request->with_tid);
	case SAMPLES_THREADS:
		return threads_now(measuring, request);
	case SAMPLES_CLONES:
		return clones_now(measuring);
	default:
		errno = EOPNOTSUPP;
		return NULL;
	}
}

/* The place for what there was the last time; NULL with errno set: there is none free. */
static struct since_last *find_last(struct measuring *measuring, const struct profile_kind *kind)
{
	size_t count = sizeof(measuring->since_last) / sizeof(*measuring->since_last);

	for (size_t i = 0; i < count; i++) {
		struct since_last *last = &measuring->since_last[i];

		if (!last->kind)
			last->kind = kind;
		if (last->kind == kind)
			return last;
	}
	errno = EOPNOTSUPP;
	return NULL;
}

static int subtract_last(struct measuring *measuring, struct measurement *measurement,
			 const struct agent_request *request)
{
	struct since_last *last = find_last(measuring, request->kind);
	struct samples *copy;
	int err = 0;

	if (!last)
		return -errno;
	copy = samples__copy(measurement->samples);
	if (!copy)
		return -errno;
	if (last->samples)
		err = request->kind->source == SAMPLES_HEAP
			      ? samples__subtract_allocs(measurement->samples, last->samples)
			      : samples__subtract(measurement->samples, last->samples);
	if (err) {
		samples__free(copy);
		return err;
	}
	samples__free(last->samples);
	last->samples = copy;
	return 0;
}

/* Whether the kernel side has to be told: windows see to it, and threads are told apart anyway. */
static bool wants_tid(const struct agent_request *request)
{
	return request->with_tid && request->kind->source == SAMPLES_WAITS;
}

/* 0 or -errno. */
static int begin_window(struct measurement *measurement, struct measuring *measuring,
			const struct agent_request *request)
{
	if (!is_alive(measuring))
		return -ESRCH;
	if (request->kind->source == SAMPLES_CPU)
		measurement->cpu = cpu__start(measuring->collector, request->with_tid);
	else
		measurement->wall = wall__start(measuring->collector, request->with_tid);
	return measurement->cpu || measurement->wall ? 0 : -errno;
}

/* The first time there is nothing: it is what begins to be collected. */
static int take_since_last(struct measurement *measurement, struct measuring *measuring,
			   const struct agent_request *request)
{
	struct collector *collector = measuring->collector;

	if (request->kind->source != SAMPLES_CPU)
		return -EOPNOTSUPP;
	if (!measuring->standing && !is_alive(measuring))
		return -ESRCH;
	if (!measuring->standing)
		measuring->standing = cpu__start(collector, request->with_tid);
	if (!measuring->standing)
		return -errno;
	targets__refresh(measuring->targets);
	measurement->samples = cpu__take(collector, measuring->standing);
	if (!measurement->samples)
		return -errno;
	measurement->samples->target_gone = !is_alive(measuring);
	return 0;
}

int measurement__begin(struct measurement *measurement, struct measuring *measuring,
		       const struct agent_request *request)
{
	struct samples *samples;

	if (profile_kind__takes_time(request->kind) && request->since_last)
		return take_since_last(measurement, measuring, request);
	if (profile_kind__takes_time(request->kind))
		return begin_window(measurement, measuring, request);
	targets__refresh(measuring->targets);
	samples = now(measuring, request);
	if (!samples)
		return -errno;
	if (request->seconds) {
		measurement->base = samples;
		if (wants_tid(request))
			collector__want_tid(measuring->collector, true);
		return 0;
	}
	measurement->samples = samples;
	return request->since_last ? subtract_last(measuring, measurement, request) : 0;
}

int measurement__end(struct measurement *measurement, struct measuring *measuring,
		     const struct agent_request *request)
{
	struct samples *samples;
	int err;

	targets__refresh(measuring->targets);
	if (measurement->cpu)
		samples = cpu__end(measuring->collector, measurement->cpu);
	else if (measurement->wall)
		samples = wall__end(measuring->collector, measurement->wall);
	else
		samples = now(measuring, request);
	err = samples ? 0 : -errno;
	measurement->cpu = NULL;
	measurement->wall = NULL;
	if (samples && measurement->base)
		err = samples__subtract(samples, measurement->base);
	if (!err)
		measurement->samples = samples;
	else
		samples__free(samples);
	measurement__cancel(measurement, measuring, request);
	return err;
}

void measurement__cancel(struct measurement *measurement, struct measuring *measuring,
			 const struct agent_request *request)
{
	if (measurement->cpu)
		cpu__cancel(measuring->collector, measurement->cpu);
	if (measurement->wall)
		wall__cancel(measuring->collector, measurement->wall);
	if (measurement->base && wants_tid(request))
		collector__want_tid(measuring->collector, false);
	samples__free(measurement->base);
	measurement->cpu = NULL;
	measurement->wall = NULL;
	measurement->base = NULL;
}
