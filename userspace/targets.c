// SPDX-License-Identifier: Apache-2.0
#include "targets.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/say.h"
#include "target/files.h"
#include "target/find.h"
#include "target/proc.h"
#include "target/usage.h"

/* Files are opened while they are mapped, so that names are there after the target is gone. What is
 * mapped now and then is noticed this often. */
#define REFRESH_MS   2000

/* Between two readings of the mappings, when there is reason for both. */
#define NEWS_MS      20
#define NEWS_IDLE_OF 20 /* times what a reading took of the CPU */

/* Between two looks at what has begun and ended. Probes on a child that executes something else at
 * once would be in vain. */
#define LIFE_MS      20

#define HEAP_TICK_MS 1000
#define SWEEP_MS     1000
#define CLEAN_MS     1000

struct target {
	struct process *process;
	uint32_t era;
	bool was_given;
	bool is_gone;
	bool is_unpublished;     /* the kernel side does not have its mappings yet */
	uint32_t threads_before; /* that it had when it began to be followed */
	bool is_lost;            /* an exec has made the kernel lose sight of it */
	struct maps *maps;       /* NULL: not read yet */
	struct heap_watch *watch;
	struct usage_meter usage;
	int64_t refresh_ms; /* when the mappings are to be read again */
	int64_t soonest_ms; /* not before this */
};

struct targets {
	struct collector *collector;
	struct heap_watch_options options;
	struct files *files; /* of all processes */
	bool follows_children;
	struct target **items; /* those that were given first */
	size_t count, capacity;
	size_t given;
	int64_t heap_tick_ms, sweep_ms;
	bool has_outdated; /* the books have entries of programs that are over */
	bool is_swept;     /* once since then */
	int64_t clean_ms;  /* not before this are they swept */
	bool has_life_news;
	int64_t life_ms;            /* not before this is it looked at */
	uint64_t unfollowed;        /* children that could not be */
	struct heap_hits past_hits; /* of children that are gone */
};

struct targets *targets__new(struct collector *collector, const struct heap_watch_options *options)
{
	struct targets *targets = calloc(1, sizeof(*targets));

	if (!targets)
		return NULL;
	targets->collector = collector;
	targets->options = *options;
	targets->files = files__new();
	if (targets->files)
		return targets;
	targets__free(targets);
	errno = ENOMEM;
	return NULL;
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
	files__free(targets->files);
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
			     int64_t reading_ns)
{
	int64_t now_ms = clock__monotonic_ms();
	int64_t pause_ms = reading_ns * NEWS_IDLE_OF / 1000000;
	int64_t all_ms = reading_ns * NEWS_IDLE_OF * (int64_t)targets->count / 1000000;

	target->refresh_ms = now_ms + REFRESH_MS + all_ms;
	target->soonest_ms = now_ms + (pause_ms > NEWS_MS ? pause_ms : NEWS_MS);
}

static void use_maps(struct targets *targets, struct target *target, struct maps *maps)
{
	int err = collector__set_maps(targets->collector, target->era, maps);

	/* Is tried again at the next reading. */
	target->is_unpublished = err;
	heap_watch__update(target->watch, maps);
}

/* Whether what was just read is the program's whose era is known: not if it has executed another
 * one meanwhile, of which there will be news. */
static bool is_in_era(const struct targets *targets, const struct target *target)
{
	pid_t pid = process__pid(target->process);

	return collector__current_era(targets->collector, pid) == target->era;
}

/* Whether the kernel side is to be told of mappings that are what they were. */
static bool is_unfinished(const struct targets *targets, const struct target *target)
{
	const struct era *era = collector__era(targets->collector, target->era);

	return target->is_unpublished || (era && clock__monotonic_ms() >= era->retry_ms);
}

/* Stacks go through what has been mapped into the process for its heap. */
static void read_again_if_mapped(struct target *target)
{
	if (heap_watch__has_mapped(target->watch))
		target->refresh_ms = 0;
}

/* Keeps the last mappings where there are no new ones: the target's exit takes them. 0 or -errno.
 */
static int refresh(struct targets *targets, struct target *target)
{
	int64_t began_ns = clock__thread_cpu_ns();
	struct maps *maps = maps__read(target->process, targets->files, target->maps);
	/* Not the rows of new files: they are read once, and more files may follow. Nor the time in
	 * which others had the CPU: between it and the threads that open files it may pass several
	 * times. */
	int64_t reading_ns = clock__thread_cpu_ns() - began_ns;
	int err = maps ? 0 : -errno;

	if (maps && is_in_era(targets, target)) {
		if (is_unfinished(targets, target) || !target->maps ||
		    !maps__equal(target->maps, maps))
			use_maps(targets, target, maps);
		maps__put(target->maps);
		target->maps = maps;
	} else {
		maps__put(maps);
	}
	schedule_refresh(targets, target, reading_ns);
	read_again_if_mapped(target);
	return err;
}

/* One that has exited by now would never be known to. */
static int follow(struct targets *targets, struct target *target)
{
	target->era = collector__follow(targets->collector, process__pid(target->process),
					target->was_given);
	if (!target->era)
		return -errno;
	if (process__is_alive(target->process))
		return 0;
	collector__unfollow(targets->collector, target->era);
	return -ESRCH;
}

static int add(struct targets *targets, struct target *target)
{
	struct heap_watch_options options = targets->options;

	usage__begin(&target->usage, target->process);
	/* What a child has from before is its parent's. */
	options.is_child = !target->was_given;
	options.from_start |= options.is_child;
	target->watch = heap_watch__new(targets->collector, target->process, target->era, &options);
	if (!target->watch)
		return -errno;
	return array_append(&targets->items, &targets->count, &targets->capacity, target);
}

/* Of children there is none from before: their forks are seen. */
static void count_threads(struct target *target)
{
	struct proc_stat stat;

	if (!proc__stat(process__pid(target->process), &stat))
		target->threads_before = stat.threads;
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
	count_threads(target);
	err = refresh(targets, target);
	/* While it executes something it has no memory to tell of. What it executes then will be
	 * told of by the kernel side, and read as that of any other. */
	if (err == -ESRCH && process__is_alive(process))
		err = refresh(targets, target);
	if (!err || (err == -ESRCH && process__is_alive(process)))
		return 0;
	snprintf(why, why_size, "cannot read /proc/%d/maps: %s", pid,
		 err == -EACCES ? "Permission denied (needs CAP_SYS_PTRACE; try sudo)"
				: strerror(-err));
	return err;
fail:
	snprintf(why, why_size, "%s",
		 err == -E2BIG ? "as many processes are followed as can be" : strerror(-err));
	return err;
}

/* A child that has exited already keeps its samples, by its parent's mappings; one that has
 * executed something has news of its own to come. */
static void add_child(struct targets *targets, const struct era *era)
{
	struct target *target = calloc(1, sizeof(*target));

	if (!target)
		return;
	target->era = era->number;
	target->process = process__open(era->pid);
	if (!target->process || !is_in_era(targets, target) || add(targets, target)) {
		if (!target->process)
			files__note_failure(targets->files, -errno);
		targets->unfollowed += target->process && is_in_era(targets, target);
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
	target->threads_before = 0;
	process__note_exec(target->process);
	maps__put(target->maps);
	target->maps = NULL;
	heap_watch__note_exec(target->watch, era->number, target->is_lost);
	target->is_lost = false;
	targets->has_outdated = true;
	/* Counters are of all processes there ever were. */
	if (targets->given == 1 && !targets->follows_children)
		collector__rebase(targets->collector, era->number);
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

	if (target && era.origin == WIRE_ERA_EXEC_BY_THREAD)
		target->is_lost = true;
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

	return (era && era->is_over && era->has_exited) || !process__is_alive(target->process);
}

static void add_hits(struct heap_hits *sum, const struct target *target)
{
	const struct heap_hits *hits = heap_watch__hits(target->watch);

	sum->emulated += hits->emulated;
	sum->stepped += hits->stepped;
	sum->returns += hits->returns;
	sum->stack_ns += hits->stack_ns;
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
			add_hits(&targets->past_hits, target);
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
	targets->life_ms = clock__monotonic_ms() + LIFE_MS;
	targets->has_life_news = false;
	/* First: its pid may be another's by now. */
	drop_gone(targets);
	collector__update_eras(targets->collector, on_era, targets);
	drop_gone(targets);
}

static void add_descendant(struct targets *targets, pid_t pid)
{
	struct target *target = calloc(1, sizeof(*target));
	int err;

	if (!target)
		return;
	target->process = process__open(pid);
	/* Most often it is followed already: forked after its parent was. */
	err = target->process ? follow(targets, target) : -ESRCH;
	if (!err)
		err = add(targets, target);
	if (!err) {
		refresh(targets, target);
		return;
	}
	targets->unfollowed += err == -E2BIG;
	free_target(target);
}

/* How many were not followed yet. What those forked meanwhile is found by looking once more. */
static size_t add_descendants(struct targets *targets, pid_t pid)
{
	size_t before = targets->count;
	struct found found = {};

	if (!find__descendants(pid, &found)) {
		for (size_t i = 0; i < found.count; i++)
			add_descendant(targets, found.pids[i]);
	}
	found__release(&found);
	return targets->count - before;
}

/* A family that grows faster than that is not caught up with. */
#define SEARCHES_MAX 16

void targets__follow_children(struct targets *targets)
{
	size_t given = targets->count;

	targets->follows_children = true;
	for (size_t i = 0; i < given; i++) {
		pid_t pid = process__pid(targets->items[i]->process);

		for (int j = 0; j < SEARCHES_MAX && add_descendants(targets, pid); j++)
			;
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

static void read_news(struct targets *targets)
{
	struct news_receiver receiver = {
		.mappings = on_mappings,
		.life = on_life,
		.context = targets,
	};

	collector__take_news(targets->collector, &receiver);
}

/* A program that maps code all the time is looked at every 20 ms at most, and for a twentieth of
 * the time at most; what comes in between is seen the next time. */
void targets__take_news(struct targets *targets)
{
	read_news(targets);
	if (targets->has_life_news && clock__monotonic_ms() >= targets->life_ms)
		look_at_life(targets);
	refresh_due(targets);
}

static void tick_heaps(struct targets *targets)
{
	int64_t now_ms = clock__monotonic_ms();

	if (!targets->options.enabled || now_ms < targets->heap_tick_ms)
		return;
	targets->heap_tick_ms = now_ms + HEAP_TICK_MS;
	for (size_t i = 0; i < targets->count; i++) {
		if (targets->items[i]->is_gone)
			continue;
		heap_watch__tick(targets->items[i]->watch, targets->items[i]->maps);
		read_again_if_mapped(targets->items[i]);
	}
}

/* What could not be swept is tried again. Whether it was tried. */
static bool sweep(struct targets *targets)
{
	int64_t now_ms = clock__monotonic_ms();

	if (!targets->has_outdated || now_ms < targets->clean_ms)
		return false;
	targets->clean_ms = now_ms + CLEAN_MS;
	/* Stacks go at the second sweep that finds them unused. */
	targets->has_outdated = collector__sweep(targets->collector) || !targets->is_swept;
	targets->is_swept = !targets->is_swept;
	return true;
}

void targets__count(struct targets *targets)
{
	for (size_t i = 0; i < targets->count; i++)
		heap_watch__count(targets->items[i]->watch);
}

void targets__leave(struct targets *targets)
{
	for (size_t i = 0; i < targets->count; i++)
		heap_watch__leave(targets->items[i]->watch);
}

void targets__warn_of_tracers(const struct targets *targets)
{
	for (size_t i = 0; i < targets->count; i++) {
		if (!targets->items[i]->is_gone)
			heap_watch__warn_of_tracer(targets->items[i]->watch);
	}
}

bool targets__tick(struct targets *targets)
{
	int64_t now_ms = clock__monotonic_ms();

	/* News may have been lost. */
	if (now_ms >= targets->sweep_ms || (targets->has_life_news && now_ms >= targets->life_ms)) {
		targets->sweep_ms = now_ms + SWEEP_MS;
		look_at_life(targets);
	}
	refresh_due(targets);
	tick_heaps(targets);
	return sweep(targets);
}

int64_t targets__next_tick_ms(const struct targets *targets)
{
	int64_t next_ms = targets->sweep_ms;

	if (!targets__alive(targets))
		return INT64_MAX;
	if (targets->has_life_news && targets->life_ms < next_ms)
		next_ms = targets->life_ms;
	if (targets->options.enabled && targets->heap_tick_ms < next_ms)
		next_ms = targets->heap_tick_ms;
	for (size_t i = 0; i < targets->count; i++) {
		const struct target *target = targets->items[i];

		if (!target->is_gone && target->refresh_ms < next_ms)
			next_ms = target->refresh_ms;
	}
	return next_ms;
}

/* Of children only what there is news of: they may be hundreds. */
void targets__refresh(struct targets *targets)
{
	read_news(targets);
	look_at_life(targets);
	/* Those that were given are kept to the end, whatever there is news of. */
	for (size_t i = 0; i < targets->given; i++)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		targets->items[i]->refresh_ms = 0;
	refresh_due(targets);
}

bool targets__begin(const struct targets *targets)
{
	for (size_t i = 0; i < targets->given; i++) {
		if (heap_watch__begins(targets->items[i]->watch))
			return true;
	}
	return false;
}

size_t targets__alive(const struct targets *targets)
{
	size_t alive = 0;

	for (size_t i = 0; i < targets->count; i++)
		alive += !targets->items[i]->is_gone;
	return alive;
}

static void tell(const struct target *target, uint32_t threads, struct target_told *told)
{
	size_t size;
	char *command = process__cmdline(target->process, &size);

	*told = (struct target_told){
		.pid = process__pid(target->process),
		.is_alive = !target->is_gone,
		.started_ms = target->usage.started_ms,
		.threads = threads,
	};
	process__comm(target->process, told->name);
	if (!command)
		return;
	told->is_cut = size > sizeof(told->command);
	told->command_size = told->is_cut ? sizeof(told->command) : size;
	memcpy(told->command, command, told->command_size);
	free(command);
}

/* Of one that is gone by now only its last CPU time is missing. */
static void add_usage(struct targets_look *look, struct target *target, struct usage *usage)
{
	int err = usage__look(&target->usage, target->process, usage);

	if (err)
		usage->cpu_ns = -1;
	look->is_partial |= err && err != -ESRCH;
	look->rss_bytes += usage->rss_bytes;
	look->threads += usage->threads;
	if (look->cpu_ns >= 0 && usage->cpu_ns >= 0)
		look->cpu_ns += usage->cpu_ns;
	else
		look->cpu_ns = -1;
}

void targets__look(struct targets *targets, struct targets_look *look)
{
	*look = (struct targets_look){.count = targets->count};
	for (size_t i = 0; i < targets->count; i++) {
		struct target *target = targets->items[i];
		struct usage usage = {};

		if (!target->is_gone)
			add_usage(look, target, &usage);
		if (look->told_count < TARGETS_TOLD_MAX)
			tell(target, usage.threads, &look->told[look->told_count++]);
	}
}

struct maps *targets__maps(const struct targets *targets)
{
	struct maps *maps = targets->items[0]->maps;

	return maps ? maps__get(maps) : NULL;
}

uint32_t targets__threads_before(const struct targets *targets)
{
	uint32_t threads = 0;

	for (size_t i = 0; i < targets->count; i++)
		threads += targets->items[i]->threads_before;
	return threads;
}

/* The first whose heap is followed speaks for all, one that is alive if there is any; else the
 * first. */
static const struct target *spokesman(const struct targets *targets)
{
	const struct target *gone = NULL;

	for (size_t i = 0; i < targets->count; i++) {
		const struct target *target = targets->items[i];

		if (!heap_watch__is_followed(target->watch))
			continue;
		if (!target->is_gone)
			return target;
		gone = gone ?: target;
	}
	return gone ?: targets->items[0];
}

/* Adds to what is said of one process that it is not so with others, and why with one of them. */
static void warn_of_others(const struct targets *targets, const struct target *first, char *warning,
			   size_t size)
{
	const struct target *example = NULL;
	struct heap_state state;
	size_t count = 0;

	for (size_t i = 0; i < targets->count; i++) {
		const struct target *target = targets->items[i];

		heap_watch__state(target->watch, &state);
		if (target == first || target->is_gone || (state.is_followed && !*state.warning))
			continue;
		example = target;
		count++;
	}
	if (!example)
		return;
	heap_watch__state(example->watch, &state);
	snprintf(warning + strlen(warning), size - strlen(warning),
		 "%snot followed, or not wholly: %zu other%s, such as pid %d: %.200s",
		 *warning ? "; " : "", count, count > 1 ? "s" : "", process__pid(example->process),
		 state.is_followed ? state.warning : state.text);
}

void targets__heap(const struct targets *targets, struct heap_state *state)
{
	const struct target *target;

	*state = (struct heap_state){};
	if (!targets->count)
		return;
	target = spokesman(targets);
	heap_watch__state(target->watch, state);
	/* They were in its memory. */
	state->is_attached &= !target->is_gone;
	warn_of_others(targets, target, state->warning, sizeof(state->warning));
	state->hits = targets->past_hits;
	for (size_t i = 0; i < targets->count; i++)
		add_hits(&state->hits, targets->items[i]);
}

static void annotate_children(const struct targets *targets, struct samples *samples)
{
	uint64_t forgotten = collector__forgotten(targets->collector);
	char note[160];

	samples__add_note(samples, "heap: a child is followed from some milliseconds after its "
				   "fork or exec on; what it allocates before is not in it");
	if (forgotten) {
		snprintf(note, sizeof(note),
			 "heap: of %" PRIu64 " processes that have exited nothing is left in it",
			 forgotten);
		samples__add_note(samples, note);
	}
	if (targets->unfollowed) {
		snprintf(note, sizeof(note),
			 "%" PRIu64 " children are not followed, for want of room",
			 targets->unfollowed);
		samples__add_note(samples, note);
	}
}

void targets__annotate(const struct targets *targets, struct samples *samples)
{
	const struct target *first = spokesman(targets);
	char warning[512] = "", note[600];
	uint64_t preattach_bytes = 0;

	heap_watch__annotate(first->watch, samples);
	for (size_t i = 0; i < targets->given; i++)
		preattach_bytes += heap_watch__preattach(targets->items[i]->watch);
	samples->preattach_bytes = preattach_bytes;
	warn_of_others(targets, first, warning, sizeof(warning));
	if (*warning) {
		snprintf(note, sizeof(note), "heap: %s", warning);
		samples__add_note(samples, note);
	}
	if (targets->follows_children)
		annotate_children(targets, samples);
}
