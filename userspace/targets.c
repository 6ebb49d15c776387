// SPDX-License-Identifier: Apache-2.0
#include "targets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/say.h"
#include "target/find.h"

/* Files are opened while they are mapped, so that names are there after the target is gone. What is
 * mapped now and then is noticed this often. */
#define REFRESH_MS   2000

/* Between two readings of the mappings, when there is reason for both. */
#define NEWS_MS      20
#define NEWS_IDLE_OF 20 /* times what a reading took */

#define HEAP_TICK_MS 1000
#define SWEEP_MS     1000

struct target {
	struct process *process;
	uint32_t era;
	bool was_given;
	bool is_gone;
	struct maps *maps; /* NULL: not read yet */
	struct heap_watch *watch;
	int64_t refresh_ms; /* when the mappings are to be read again */
	int64_t soonest_ms; /* not before this */
};

struct targets {
	struct collector *collector;
	struct heap_watch_options options;
	bool follows_children;
	struct target **items; /* those that were given first */
	size_t count, capacity;
	size_t given;
	int64_t heap_tick_ms, sweep_ms;
	bool has_outdated; /* the heap's books have entries of programs that are over */
	bool has_life_news;
};

struct targets *targets__new(struct collector *collector, const struct heap_watch_options *options)
{
	struct targets *targets = calloc(1, sizeof(*targets));

	if (!targets)
		return NULL;
	targets->collector = collector;
	targets->options = *options;
	return targets;
}

static void free_target(struct target *target)
{
	heap_watch__free(target->watch);
	maps__put(target->maps);
	process__close(target->process);
	free(target);
}

void targets__free(struct targets *targets)
{
	if (!targets)
		return;
	for (size_t i = 0; i < targets->count; i++)
		free_target(targets->items[i]);
	free(targets->items);
	free(targets);
}

static struct target *find(const struct targets *targets, pid_t pid)
{
	for (size_t i = 0; i < targets->count; i++) {
		struct target *target = targets->items[i];

		if (!target->is_gone && process__pid(target->process) == pid)
			return target;
	}
	return NULL;
}

/* Many processes are looked at less often each, so that all of it takes a twentieth of the time at
 * most. */
static void schedule_refresh(const struct targets *targets, struct target *target,
			     int64_t reading_ms)
{
	int64_t now_ms = clock__monotonic_ms();
	int64_t pause_ms = reading_ms * NEWS_IDLE_OF;

	target->refresh_ms = now_ms + REFRESH_MS + pause_ms * (int64_t)targets->count;
	target->soonest_ms = now_ms + (pause_ms > NEWS_MS ? pause_ms : NEWS_MS);
}

static void use_maps(struct targets *targets, struct target *target, struct maps *maps)
{
	collector__set_maps(targets->collector, target->era, maps);
	if (target->watch)
		heap_watch__update(target->watch, maps);
}

/* Keeps the last mappings where there are no new ones: the target's exit takes them. 0 or -errno.
 */
static int refresh(struct targets *targets, struct target *target)
{
	int64_t began_ms = clock__monotonic_ms();
	struct maps *maps = maps__read(target->process, target->maps);
	/* Not the rows of new files: they are read once, and more files may follow. */
	int64_t reading_ms = clock__monotonic_ms() - began_ms;
	int err = maps ? 0 : -errno;

	if (maps) {
		if (!target->maps || !maps__equal(target->maps, maps))
			use_maps(targets, target, maps);
		maps__put(target->maps);
		target->maps = maps;
	}
	schedule_refresh(targets, target, reading_ms);
	return err;
}

static int follow(struct targets *targets, struct target *target)
{
	target->era = collector__follow(targets->collector, process__pid(target->process),
					target->was_given);
	return target->era ? 0 : -errno;
}

static int add(struct targets *targets, struct target *target)
{
	struct heap_watch_options options = targets->options;

	/* What a child has from before is its parent's. */
	options.from_start |= !target->was_given;
	target->watch = heap_watch__new(targets->collector, target->process, target->era, &options);
	if (!target->watch)
		return -errno;
	return array_append(&targets->items, &targets->count, &targets->capacity, target);
}

int targets__add(struct targets *targets, struct process *process, char *why, size_t why_size)
{
	struct target *target = calloc(1, sizeof(*target));
	pid_t pid = process__pid(process);
	int err = -ENOMEM;

	if (!target) {
		process__close(process);
		goto fail;
	}
	target->process = process;
	target->was_given = true;
	err = follow(targets, target);
	if (!err)
		err = add(targets, target);
	if (err) {
		free_target(target);
		goto fail;
	}
	targets->given++;
	err = refresh(targets, target);
	if (!err)
		return 0;
	snprintf(why, why_size, "cannot read /proc/%d/maps: %s", pid,
		 err == -EACCES ? "Permission denied (needs CAP_SYS_PTRACE; try sudo)"
				: strerror(-err));
	return err;
fail:
	snprintf(why, why_size, "%s", strerror(-err));
	return err;
}

/* A child that has exited already keeps its samples, by its parent's mappings. */
static void add_child(struct targets *targets, const struct era *era)
{
	struct target *target = calloc(1, sizeof(*target));

	if (!target)
		return;
	target->era = era->number;
	target->process = process__open(era->pid);
	if (!target->process || add(targets, target)) {
		free_target(target);
		return;
	}
	if (era->maps) {
		/* As of its fork the kernel side may have had none. */
		target->maps = maps__get(era->maps);
		use_maps(targets, target, target->maps);
		schedule_refresh(targets, target, 0);
	} else {
		refresh(targets, target);
	}
}

static void note_exec(struct targets *targets, struct target *target, const struct era *era)
{
	char comm[PROCESS_COMM_BYTES];

	target->era = era->number;
	process__note_exec(target->process);
	maps__put(target->maps);
	target->maps = NULL;
	heap_watch__note_exec(target->watch, era);
	targets->has_outdated = true;
	/* Counters are of all processes. */
	if (targets->count == 1)
		heap__rebase(targets->collector, era->number);
	refresh(targets, target);
	process__comm(target->process, comm);
	if (target->was_given)
		say("pid %d has executed another program, %s: its profiles start afresh",
		    process__pid(target->process), comm);
}

static void on_era(void *context, const struct era *begun)
{
	struct targets *targets = context;
	struct era era = *begun; /* what follows may move it */
	struct target *target = find(targets, era.pid);

	if (era.is_over || (target && target->era >= era.number))
		return;
	if (target && era.origin != WIRE_ERA_FORK)
		note_exec(targets, target, &era);
	else if (!target && era.origin != WIRE_ERA_ATTACH)
		add_child(targets, &era);
}

static bool has_exited(const struct targets *targets, const struct target *target)
{
	const struct era *era = collector__era(targets->collector, target->era);

	return !era || (era->is_over && era->has_exited);
}

/* What was given keeps its last state; of a child the collector has all that is kept. */
static void drop_gone(struct targets *targets)
{
	size_t kept = 0;

	for (size_t i = 0; i < targets->count; i++) {
		struct target *target = targets->items[i];

		if (!target->is_gone)
			target->is_gone = has_exited(targets, target);
		if (target->is_gone && !target->was_given) {
			targets->has_outdated = true;
			heap__forget(targets->collector, process__pid(target->process));
			free_target(target);
		} else {
			targets->items[kept++] = target;
		}
	}
	targets->count = kept;
}

static void look_at_life(struct targets *targets)
{
	collector__update_eras(targets->collector, on_era, targets);
	drop_gone(targets);
}

static void add_descendant(struct targets *targets, pid_t pid)
{
	struct target *target = calloc(1, sizeof(*target));

	if (!target)
		return;
	target->process = process__open(pid);
	/* Most often it is followed already: forked after its parent was. */
	if (!target->process || follow(targets, target) || add(targets, target))
		free_target(target);
	else
		refresh(targets, target);
}

void targets__follow_children(struct targets *targets)
{
	size_t given = targets->count;

	targets->follows_children = true;

	for (size_t i = 0; i < given; i++) {
		struct found found = {};

		if (!find__descendants(process__pid(targets->items[i]->process), &found)) {
			for (size_t j = 0; j < found.count; j++)
				add_descendant(targets, found.pids[j]);
		}
		found__release(&found);
	}
	look_at_life(targets);
}

static void on_mappings(void *context, pid_t pid)
{
	struct targets *targets = context;

	for (size_t i = 0; i < targets->count; i++) {
		struct target *target = targets->items[i];

		if ((!pid || process__pid(target->process) == pid) &&
		    target->refresh_ms > target->soonest_ms)
			target->refresh_ms = target->soonest_ms;
	}
}

static void on_life(void *context)
{
	((struct targets *)context)->has_life_news = true;
}

static void refresh_due(struct targets *targets)
{
	for (size_t i = 0; i < targets->count; i++) {
		struct target *target = targets->items[i];

		if (!target->is_gone && clock__monotonic_ms() >= target->refresh_ms)
			refresh(targets, target);
	}
}

/* A program that maps code all the time is looked at every 20 ms at most, and for a twentieth of
 * the time at most; what comes in between is seen the next time. */
void targets__take_news(struct targets *targets)
{
	struct news_receiver receiver = {
		.mappings = on_mappings,
		.life = on_life,
		.context = targets,
	};

	collector__take_news(targets->collector, &receiver);
	if (targets->has_life_news)
		look_at_life(targets);
	targets->has_life_news = false;
	refresh_due(targets);
}

static void tick_heaps(struct targets *targets)
{
	int64_t now_ms = clock__monotonic_ms();

	if (!targets->options.enabled || now_ms < targets->heap_tick_ms)
		return;
	targets->heap_tick_ms = now_ms + HEAP_TICK_MS;
	for (size_t i = 0; i < targets->count; i++) {
		if (!targets->items[i]->is_gone)
			heap_watch__tick(targets->items[i]->watch);
	}
	if (targets->has_outdated)
		heap__sweep(targets->collector);
	targets->has_outdated = false;
}

void targets__tick(struct targets *targets)
{
	int64_t now_ms = clock__monotonic_ms();

	/* News may have been lost. */
	if (now_ms >= targets->sweep_ms) {
		targets->sweep_ms = now_ms + SWEEP_MS;
		look_at_life(targets);
	}
	refresh_due(targets);
	tick_heaps(targets);
}

int64_t targets__next_tick_ms(const struct targets *targets)
{
	int64_t next_ms = targets->sweep_ms;

	if (targets__are_gone(targets) && !targets__alive(targets))
		return INT64_MAX;
	if (targets->options.enabled && targets->heap_tick_ms < next_ms)
		next_ms = targets->heap_tick_ms;
	for (size_t i = 0; i < targets->count; i++) {
		const struct target *target = targets->items[i];

		if (!target->is_gone && target->refresh_ms < next_ms)
			next_ms = target->refresh_ms;
	}
	return next_ms;
}

void targets__refresh(struct targets *targets)
{
	look_at_life(targets);
	for (size_t i = 0; i < targets->count; i++) {
		if (!targets->items[i]->is_gone)
			refresh(targets, targets->items[i]);
	}
}

bool targets__are_gone(const struct targets *targets)
{
	for (size_t i = 0; i < targets->given; i++) {
		if (!targets->items[i]->is_gone)
			return false;
	}
	return true;
}

size_t targets__alive(const struct targets *targets)
{
	size_t alive = 0;

	for (size_t i = 0; i < targets->count; i++)
		alive += !targets->items[i]->is_gone;
	return alive;
}

void targets__heap(const struct targets *targets, struct heap_state *state)
{
	*state = (struct heap_state){};
	if (targets->count)
		heap_watch__state(targets->items[0]->watch, state);
}

void targets__annotate(const struct targets *targets, struct samples *samples)
{
	uint64_t preattach_bytes = 0;

	for (size_t i = 0; i < targets->given; i++) {
		heap_watch__annotate(targets->items[i]->watch, samples);
		preattach_bytes += samples->preattach_bytes;
	}
	samples->preattach_bytes = preattach_bytes;
	if (targets->follows_children)
		samples__add_note(samples,
				  "heap: a child is followed from some milliseconds after "
				  "its fork or exec on; what it allocates before is not in "
				  "it");
}
