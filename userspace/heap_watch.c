// SPDX-License-Identifier: Apache-2.0
#include "heap_watch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/say.h"
#include "target/linker.h"
#include "target/memory.h"

/* More files with a malloc than that are not followed. */
#define FOLLOWED_MAX 16

struct followed {
	struct allocator allocator;
	size_t rank; /* in the linker's order; SIZE_MAX: not in it */
	bool is_mapped;
	bool is_attached;
	int err; /* why it is not */
};

struct heap_watch {
	struct collector *collector;
	struct process *process;
	struct heap_watch_options options;
	struct elf_file **seen; /* files that were looked at, as long as they are mapped */
	size_t seen_count, seen_capacity;
	struct followed *followed;
	size_t count, capacity;
	bool has_begun; /* probes were attached */
	uint32_t exec_era;
	int64_t since_ns, exec_ns; /* of the real-time clock; 0: none */
	uint64_t preattach_bytes;

	struct heap_prices prices;
	struct heap_meter meter;
	struct heap_hits hits;
	struct heap_budget budget;
	double over_share; /* what it was when the probes were taken off */
	int64_t off_since_ns,
		off_until_ns; /* the last time; real-time clock; 0: never, or not yet */
	unsigned int times_off;
};

struct heap_watch *heap_watch__new(struct collector *collector, struct process *process,
				   const struct heap_watch_options *options)
{
	struct heap_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	watch->collector = collector;
	watch->process = process;
	watch->options = *options;
	watch->budget.limit = options->budget;
	watch->exec_era = heap__exec_era(collector);
	return watch;
}

void heap_watch__free(struct heap_watch *watch)
{
	if (!watch)
		return;
	for (size_t i = 0; i < watch->count; i++)
		allocator__release(&watch->followed[i].allocator);
	for (size_t i = 0; i < watch->seen_count; i++)
		elf_file__put(watch->seen[i]);
	free(watch->seen);
	free(watch->followed);
	free(watch);
}

/* The first probes: from now on. */
static void begin(struct heap_watch *watch)
{
	if (watch->has_begun)
		return;
	watch->has_begun = true;
	watch->since_ns = clock__realtime_ns();
	if (!watch->options.from_start &&
	    memory__anonymous(process__pid(watch->process), &watch->preattach_bytes))
		watch->preattach_bytes = 0;
}

static void attach(struct heap_watch *watch, struct followed *followed)
{
	if (watch->budget.is_over || followed->is_attached)
		return;
	followed->err = heap__attach(watch->collector, &followed->allocator);
	followed->is_attached = !followed->err;
	if (followed->is_attached)
		begin(watch);
}

/* What stood in the way may be gone. */
static void retry(struct heap_watch *watch)
{
	for (size_t i = 0; i < watch->count; i++) {
		if (watch->followed[i].err && watch->followed[i].is_mapped)
			attach(watch, &watch->followed[i]);
	}
}

static bool is_wanted(const struct heap_watch *watch, const struct elf_file *file)
{
	char path[4200];

	if (!watch->options.allocator || !strcmp(elf_file__name(file), watch->options.allocator))
		return true;
	/* By another name, such as a symbolic link's, as the target sees it. */
	snprintf(path, sizeof(path), "/proc/%d/root/%s", process__pid(watch->process),
		 watch->options.allocator);
	return elf_file__is_at(file, path);
}

static void look_at(struct heap_watch *watch, struct elf_file *file)
{
	struct followed followed = {.rank = SIZE_MAX};

	if (!is_wanted(watch, file) || watch->count == FOLLOWED_MAX)
		return;
	if (allocator__read(&followed.allocator, file, watch->options.prefix))
		return;
	if (array_append(&watch->followed, &watch->count, &watch->capacity, followed)) {
		allocator__release(&followed.allocator);
		return;
	}
	attach(watch, &watch->followed[watch->count - 1]);
}

static bool is_seen(const struct heap_watch *watch, const struct elf_file *file, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (watch->seen[i] == file)
			return true;
	}
	return false;
}

static bool is_mapped(const struct maps *maps, const struct elf_file *file)
{
	for (size_t i = 0; i < maps->count; i++) {
		if (maps->items[i].file == file)
			return true;
	}
	return false;
}

/* A program may map and unmap files for ever. */
static void forget_unmapped(struct heap_watch *watch, const struct maps *maps)
{
	size_t kept = 0;

	for (size_t i = 0; i < watch->seen_count; i++) {
		if (is_mapped(maps, watch->seen[i]))
			watch->seen[kept++] = watch->seen[i];
		else
			elf_file__put(watch->seen[i]);
	}
	watch->seen_count = kept;
}

static bool is_followed(const struct heap_watch *watch, const struct elf_file *file)
{
	for (size_t i = 0; i < watch->count; i++) {
		if (elf_file__is_same(watch->followed[i].allocator.file, file))
			return true;
	}
	return false;
}

static void look_at_new_files(struct heap_watch *watch, const struct maps *maps)
{
	for (size_t i = 0; i < maps->count; i++) {
		struct elf_file *file = maps->items[i].file;

		if (!file || is_seen(watch, file, watch->seen_count))
			continue;
		if (array_append(&watch->seen, &watch->seen_count, &watch->seen_capacity, file))
			return;
		elf_file__get(file);
		if (!is_followed(watch, file))
			look_at(watch, file);
	}
}

static void find_ranks(struct heap_watch *watch, const struct maps *maps)
{
	struct linker_order order = {};
	uint64_t bias;

	if (linker__order(process__pid(watch->process), &order))
		order = (struct linker_order){};
	for (size_t i = 0; i < watch->count; i++) {
		struct followed *followed = &watch->followed[i];

		followed->rank = SIZE_MAX;
		followed->is_mapped = false;
		for (size_t m = 0; m < maps->count; m++) {
			const struct elf_file *file = maps->items[m].file;

			if (!file || !elf_file__is_same(file, followed->allocator.file))
				continue;
			followed->is_mapped = true;
			if (mapping__bias(&maps->items[m], &bias))
				followed->rank = linker__rank(&order, bias);
		}
	}
	linker__release(&order);
}

static void restart_after_exec(struct heap_watch *watch)
{
	watch->exec_era = heap__exec_era(watch->collector);
	watch->exec_ns = clock__realtime_ns();
	watch->preattach_bytes = 0;
	watch->times_off = 0;
	process__note_exec(watch->process);
	heap__restart(watch->collector);
	heap_meter__clear(&watch->meter);
	say("pid %d has executed another program: its heap profile starts afresh",
	    process__pid(watch->process));
}

void heap_watch__update(struct heap_watch *watch, const struct maps *maps)
{
	if (!watch->options.enabled)
		return;
	if (heap__exec_era(watch->collector) != watch->exec_era)
		restart_after_exec(watch);
	forget_unmapped(watch, maps);
	look_at_new_files(watch, maps);
	find_ranks(watch, maps);
}

/* All threads' CPU time, those that are gone included. 0 where it cannot be had. */
static uint64_t cpu_ns(const struct heap_watch *watch)
{
	struct timespec now;
	clockid_t clock;

	if (clock_getcpuclockid(process__pid(watch->process), &clock) || clock_gettime(clock, &now))
		return 0;
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static void take_reading(struct heap_watch *watch)
{
	struct heap_reading reading = {
		.time_ns = clock__monotonic_ms() * 1000000,
		.cpu_ns = cpu_ns(watch),
	};

	if (heap__hits(watch->collector, &reading.hits) || !reading.cpu_ns)
		return;
	watch->hits = reading.hits;
	heap_meter__add(&watch->meter, &reading);
}

static void take_off(struct heap_watch *watch)
{
	heap__detach(watch->collector);
	for (size_t i = 0; i < watch->count; i++)
		watch->followed[i].is_attached = false;
	watch->over_share = heap_meter__last_share(&watch->meter, &watch->prices);
	watch->off_since_ns = clock__realtime_ns();
	watch->off_until_ns = 0;
	watch->times_off++;
	heap_meter__clear(&watch->meter);
}

/* What was in use may have been given back in the meantime. */
static void put_on(struct heap_watch *watch)
{
	heap__new_era(watch->collector);
	heap__forget_earlier(watch->collector);
	watch->off_until_ns = clock__realtime_ns();
	for (size_t i = 0; i < watch->count; i++)
		attach(watch, &watch->followed[i]);
}

/* Once, and not before there is something to measure for. */
static void calibrate(struct heap_watch *watch)
{
	if (!watch->prices.emulated_ns && heap__calibrate(watch->collector, &watch->prices))
		watch->prices = (struct heap_prices){};
}

void heap_watch__tick(struct heap_watch *watch)
{
	double share;

	retry(watch);
	if (!watch->has_begun)
		return;
	calibrate(watch);
	if (!watch->budget.is_over)
		take_reading(watch);
	share = heap_meter__last_share(&watch->meter, &watch->prices);
	switch (heap_budget__see(&watch->budget, share, clock__monotonic_ms() * 1000000)) {
	case HEAP_BUDGET_DETACH:
		take_off(watch);
		break;
	case HEAP_BUDGET_ATTACH:
		put_on(watch);
		break;
	default:
		break;
	}
}

/* The one that the program's calls of malloc reach: of those that other files can be bound to, the
 * first in the linker's order. NULL: none is probed. */
static const struct followed *in_use(const struct heap_watch *watch)
{
	const struct followed *best = NULL;

	for (size_t i = 0; i < watch->count; i++) {
		const struct followed *followed = &watch->followed[i];

		if (!followed->is_mapped || followed->err)
			continue;
		if (!best || followed->allocator.is_exported > best->allocator.is_exported ||
		    (followed->allocator.is_exported == best->allocator.is_exported &&
		     followed->rank < best->rank))
			best = followed;
	}
	return best;
}

static void put_name(FILE *out, const struct followed *followed)
{
	fprintf(out, "%s (%s)", followed->allocator.name, elf_file__name(followed->allocator.file));
}

/* The others that are followed too; false: there are none. */
static bool put_others(FILE *out, const struct heap_watch *watch, const struct followed *first)
{
	bool some = false;

	for (size_t i = 0; i < watch->count; i++) {
		const struct followed *followed = &watch->followed[i];

		if (followed == first || !followed->is_mapped || followed->err)
			continue;
		fputs(some ? ", " : "", out);
		put_name(out, followed);
		some = true;
	}
	return some;
}

/* uprobe_register() (kernel/events/uprobes.c) has EINVAL where two want one instruction, one of
 * them with a reference counter. bcc's Python tools ask for one by accident (its issue 5236). */
static const char *attach_error(int err)
{
	return err == -EINVAL
		       ? "another tool's probes are in the way, such as those of bcc's memleak; "
			 "it is tried again until they are gone"
		       : strerror(-err);
}

static void put_why_not(FILE *out, const struct heap_watch *watch)
{
	if (!watch->options.enabled) {
		fputs("exoprof runs with --no-heap", out);
		return;
	}
	for (size_t i = 0; i < watch->count; i++) {
		if (watch->followed[i].err) {
			fputs("cannot probe ", out);
			put_name(out, &watch->followed[i]);
			fprintf(out, ": %s", attach_error(watch->followed[i].err));
			return;
		}
	}
	if (watch->options.allocator)
		fprintf(out,
			"no malloc and free%s%s%s in %s, or the target has not mapped it (its "
			"files are in /proc/%d/maps)",
			watch->options.prefix ? " with the prefix '" : "",
			watch->options.prefix ? watch->options.prefix : "",
			watch->options.prefix ? "'" : "", watch->options.allocator,
			process__pid(watch->process));
	else
		fputs("no file that the target has mapped has symbols for malloc and free (a static "
		      "program, stripped?)",
		      out);
}

static void put_state(FILE *out, const struct heap_watch *watch)
{
	const struct followed *first = in_use(watch);

	if (!first) {
		put_why_not(out, watch);
		return;
	}
	put_name(out, first);
	fprintf(out, " by %s", heap__flavour(watch->collector));
}

static void put_time(FILE *out, int64_t time_ns)
{
	time_t seconds = time_ns / 1000000000;
	char text[32];
	struct tm utc;

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &utc));
	fputs(text, out);
}

static void put_budget(FILE *out, const struct heap_watch *watch)
{
	if (!watch->times_off)
		return;
	fprintf(out, "probes took %.1f%% of the target's CPU time, over the budget of %.1f%%: ",
		100 * watch->over_share, 100 * watch->budget.limit);
	fputs("they were taken off at ", out);
	put_time(out, watch->off_since_ns);
	if (!watch->off_until_ns) {
		fprintf(out,
			" and are tried again %" PRId64 " s after that; nothing is counted until "
			"then",
			watch->budget.wait_ns / 1000000000);
		return;
	}
	fputs(" until ", out);
	put_time(out, watch->off_until_ns);
	fprintf(out,
		" (%u times in all): what was allocated then is not counted, and what was in "
		"use before is left out of what is in use",
		watch->times_off);
}

static void put_errors(FILE *out, const struct heap_watch *watch)
{
	for (size_t i = 0; i < watch->count; i++) {
		const struct followed *followed = &watch->followed[i];

		if (!followed->is_mapped || !followed->err)
			continue;
		put_name(out, followed);
		fprintf(out, " cannot be probed: %s", attach_error(followed->err));
		return;
	}
	put_budget(out, watch);
}

/* Whatever does not fit is cut. */
static void print_into(char *text, size_t size, const struct heap_watch *watch,
		       void (*put)(FILE *out, const struct heap_watch *watch))
{
	FILE *out = fmemopen(text, size, "w");

	*text = '\0';
	if (!out)
		return;
	put(out, watch);
	fclose(out);
	text[size - 1] = '\0';
}

void heap_watch__state(const struct heap_watch *watch, struct heap_state *state)
{
	*state = (struct heap_state){
		.is_followed = in_use(watch),
		.is_attached = in_use(watch) && !watch->budget.is_over,
		.hits = watch->hits,
		.prices = watch->prices,
		.cost = heap_meter__cost(&watch->meter, &watch->prices),
	};
	print_into(state->text, sizeof(state->text), watch, put_state);
	if (state->is_followed)
		print_into(state->warning, sizeof(state->warning), watch, put_errors);
}

static void put_source(FILE *out, const struct heap_watch *watch)
{
	const struct followed *first = in_use(watch);

	fputs("heap: malloc, free and their kin of ", out);
	if (first)
		put_name(out, first);
	fprintf(out, ", by %s, since ", heap__flavour(watch->collector));
	put_time(out, watch->exec_ns ? watch->exec_ns : watch->since_ns);
}

static void put_also(FILE *out, const struct heap_watch *watch)
{
	char *names = NULL;
	size_t size;
	FILE *list = open_memstream(&names, &size);
	bool some;

	if (!list)
		return;
	some = put_others(list, watch, in_use(watch));
	if (!fclose(list) && some)
		fprintf(out, "heap: also followed: %s", names);
	free(names);
}

static void put_exec(FILE *out, const struct heap_watch *watch)
{
	if (!watch->exec_ns)
		return;
	fputs("heap: the target has executed another program at ", out);
	put_time(out, watch->exec_ns);
	fputs("; what was before is left out", out);
}

static void put_preattach(FILE *out, const struct heap_watch *watch)
{
	if (watch->preattach_bytes)
		fprintf(out,
			"heap: allocated before attach: about %" PRIu64 " bytes, by the anonymous "
			"memory at that time; not in the profile (?preattach=1 adds it)",
			watch->preattach_bytes);
}

static void put_cost(FILE *out, const struct heap_watch *watch)
{
	struct heap_cost cost = heap_meter__cost(&watch->meter, &watch->prices);

	if (!cost.seconds || !watch->prices.emulated_ns)
		return;
	fprintf(out,
		"heap: probes: %.0f hits a second over the last %.0f s, %.0f ns each, %.1f%% of the "
		"target's CPU time (measured at the start: %.0f ns a hit, %.0f ns single-stepped, "
		"%.0f ns more for a return)",
		cost.hits, cost.seconds, cost.ns_a_hit, 100 * cost.share, watch->prices.emulated_ns,
		watch->prices.stepped_ns, watch->prices.return_ns);
}

static void put_warning(FILE *out, const struct heap_watch *watch)
{
	char text[512];

	print_into(text, sizeof(text), watch, put_errors);
	if (*text)
		fprintf(out, "heap: %s", text);
}

void heap_watch__annotate(const struct heap_watch *watch, struct samples *samples)
{
	static void (*const notes[])(FILE * out, const struct heap_watch *watch) = {
		put_source, put_also, put_exec, put_preattach, put_cost, put_warning,
	};
	char text[1024];

	samples->preattach_bytes = watch->preattach_bytes;
	for (size_t i = 0; i < sizeof(notes) / sizeof(*notes); i++) {
		print_into(text, sizeof(text), watch, notes[i]);
		if (*text)
			samples__add_note(samples, text);
	}
}
