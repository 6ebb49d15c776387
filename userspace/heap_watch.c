// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/say.h"
#include "heap_watch_internal.h"
#include "target/code.h"
#include "target/headroom.h"
#include "target/linker.h"
#include "target/memory.h"

/* More files with a malloc than that are not followed. */
#define FOLLOWED_MAX 16

struct heap_watch *heap_watch__new(struct collector *collector, struct process *process,
				   uint32_t era, const struct heap_watch_options *options)
{
	struct heap_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	watch->collector = collector;
	watch->process = process;
	watch->options = *options;
	watch->budget.limit = options->budget;
	watch->era = era;
	return watch;
}

static void note_stop(struct heap_watch *watch)
{
	if (watch->stubs && heap_inline__stopped_ns(watch->stubs) > watch->stopped_ns)
		watch->stopped_ns = heap_inline__stopped_ns(watch->stubs);
}

/* They were all that it was followed by. */
static void drop_stubs(struct heap_watch *watch)
{
	note_stop(watch);
	heap_inline__free(watch->stubs);
	watch->stubs = NULL;
	for (size_t i = 0; i < watch->count; i++)
		watch->followed[i].is_attached = false;
}

void heap_watch__leave(struct heap_watch *watch)
{
	if (!watch->stubs)
		return;
	watch->is_stuck = !heap_inline__leave(watch->stubs);
	drop_stubs(watch);
	if (watch->stopped_ns && process__is_alive(watch->process))
		say("pid %d: it was stopped for %.1f ms at a time at most, for code in it",
		    process__pid(watch->process), watch->stopped_ns / 1e6);
}

void heap_watch__free(struct heap_watch *watch)
{
	if (!watch)
		return;
	heap_watch__leave(watch);
	maps__put(watch->maps);
	for (size_t i = 0; i < watch->count; i++)
		allocator__release(&watch->followed[i].allocator);
	for (size_t i = 0; i < watch->seen_count; i++)
		elf_file__put(watch->seen[i]);
	free(watch->seen);
	free(watch->followed);
	free(watch);
}

/* A stub chooses of which calls it sees the return, on any kernel. */
static bool follows_throwing(const struct heap_watch *watch)
{
	return watch->options.mode == HEAP_MODE_INLINE || heap__follows_throwing(watch->collector);
}

/* What it can ask for now, other threads of it may ask for too, until the next look in a second. */
#define SAFE_PART 4

static void set_safe_size(struct heap_watch *watch)
{
	if (!watch->has_throwing || !follows_throwing(watch))
		return;
	watch->safe_bytes = headroom__bytes(process__pid(watch->process)) / SAFE_PART;
	heap__set_safe_size(watch->collector, watch->era, watch->safe_bytes);
}

/* The first probes: from now on. */
static void begin(struct heap_watch *watch)
{
	if (watch->has_begun)
		return;
	watch->has_begun = true;
	watch->since_ns = clock__realtime_ns();
	watch->is_unpriced = heap__calibrate(watch->collector, &watch->prices);
	if (watch->is_unpriced)
		watch->prices = (struct heap_prices){};
	if (!watch->options.from_start &&
	    memory__anonymous(process__pid(watch->process), &watch->preattach_bytes))
		watch->preattach_bytes = 0;
}

/* The program's first calls, in what it was just loaded from, only uprobes meet. */
static bool wants_stub(const struct heap_watch *watch)
{
	return watch->options.mode == HEAP_MODE_INLINE && watch->maps && !*watch->why_no_stubs &&
	       !watch->is_stuck && (watch->options.is_child || !watch->options.from_start);
}

static const char *add_stub(struct heap_watch *watch, const struct allocator *allocator)
{
	const char *why;

	if (!watch->stubs)
		watch->stubs = heap_inline__new(watch->collector, watch->process);
	if (!watch->stubs)
		return strerror(errno);
	why = heap_inline__add(watch->stubs, watch->maps, allocator, watch->safe_bytes);
	note_stop(watch);
	watch->has_mapped |= !why;
	return why;
}

static int probe(struct heap_watch *watch, const struct followed *followed)
{
	if (!followed->allocator.count)
		return -ENOENT;
	if (watch->is_stuck)
		return -ESTALE;
	if (process__dies_of_return_probes(watch->process, watch->options.is_child))
		return -EKEYREJECTED;
	return heap__attach(watch->collector, process__pid(watch->process), &followed->allocator,
			    NULL);
}

static void attach_uprobes(struct heap_watch *watch, struct followed *followed)
{
	followed->err = probe(watch, followed);
	followed->is_attached = !followed->err;
}

/* Hits cost something else from here on, and what was sampled so far is not met any more when it
 * comes back. */
static void begin_spell(struct heap_watch *watch)
{
	heap_meter__clear(&watch->meter);
	if (watch->has_begun)
		heap__new_spell(watch->collector, watch->era);
}

static void go_without_stubs(struct heap_watch *watch, const char *why)
{
	snprintf(watch->why_no_stubs, sizeof(watch->why_no_stubs), "%s", why);
	say("pid %d: its heap is followed by uprobes, not by a stub: %s",
	    process__pid(watch->process), watch->why_no_stubs);
	heap_watch__leave(watch);
	begin_spell(watch);
	for (size_t i = 0; i < watch->count; i++)
		attach_uprobes(watch, &watch->followed[i]);
}

static void attach_stub(struct heap_watch *watch, struct followed *followed)
{
	const char *why = add_stub(watch, &followed->allocator);

	if (why) {
		go_without_stubs(watch, why);
		return;
	}
	followed->err = 0;
	followed->is_attached = true;
}

bool heap_watch__has_mapped(struct heap_watch *watch)
{
	bool has_mapped = watch->has_mapped;

	watch->has_mapped = false;
	return has_mapped;
}

static void attach(struct heap_watch *watch, struct followed *followed)
{
	if (watch->budget.is_over || followed->is_attached)
		return;
	watch->has_throwing |= followed->allocator.throws;
	set_safe_size(watch);
	if (wants_stub(watch) && followed->allocator.count)
		attach_stub(watch, followed);
	else
		attach_uprobes(watch, followed);
	if (followed->is_attached)
		begin(watch);
}

static void attach_all(struct heap_watch *watch)
{
	for (size_t i = 0; i < watch->count; i++)
		attach(watch, &watch->followed[i]);
}

/* What stood in the way may be gone: another tool's probes, or want of memory. */
static void retry(struct heap_watch *watch)
{
	for (size_t i = 0; i < watch->count; i++) {
		struct followed *followed = &watch->followed[i];

		if (followed->is_mapped && (followed->err == -EINVAL || followed->err == -ENOMEM ||
					    followed->err == -E2BIG))
			attach(watch, followed);
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

/* Bytes behind the probe that have to be the file's, too: a jump to a hook takes up to 14. */
#define BEYOND_PROBE 16

struct code_check {
	pid_t pid;
	const struct maps *maps;
	const struct elf_file *file;
	int err; /* of what could not be read; 0: all could */
};

static bool is_unpatched(void *context, const struct allocator_probe *probe)
{
	struct code_check *check = context;
	enum code_state state = code__compare(check->pid, check->maps, check->file,
					      probe->file_offset - probe->place.offset,
					      probe->place.offset + BEYOND_PROBE);

	if (state == CODE_UNREAD)
		check->err = errno;
	return state == CODE_AS_IN_FILE || state == CODE_WITH_BREAKPOINTS;
}

static void look_at(struct heap_watch *watch, const struct maps *maps, struct elf_file *file)
{
	struct code_check check = {process__pid(watch->process), maps, file, 0};
	struct followed followed = {.rank = SIZE_MAX};

	if (!is_wanted(watch, file) ||
	    allocator__read(&followed.allocator, file, watch->options.prefix))
		return;
	followed.patched = allocator__filter(&followed.allocator, is_unpatched, &check);
	if (check.err) {
		watch->unread_err = check.err;
		allocator__release(&followed.allocator);
		return;
	}
	watch->has_too_many = watch->count == FOLLOWED_MAX;
	if (watch->has_too_many ||
	    array_append(&watch->followed, &watch->count, &watch->capacity, followed)) {
		allocator__release(&followed.allocator);
		return;
	}
	attach(watch, &watch->followed[watch->count - 1]);
}

static bool is_seen(const struct heap_watch *watch, const struct elf_file *file)
{
	for (size_t i = 0; i < watch->seen_count; i++) {
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
	watch->unopened = 0;
	for (size_t i = 0; i < maps->count; i++) {
		struct elf_file *file = maps->items[i].file;

		watch->unopened += !file && maps->items[i].inode;
		if (!file || is_seen(watch, file))
			continue;
		if (array_append(&watch->seen, &watch->seen_count, &watch->seen_capacity, file))
			return;
		elf_file__get(file);
		if (!is_followed(watch, file))
			look_at(watch, maps, file);
	}
}

static void find_ranks(struct heap_watch *watch, const struct maps *maps)
{
	struct linker_order order = {};
	uint64_t bias;

	/* While the linker changes its list, and when the process ends, it cannot be read. */
	bool has_order = !linker__order(process__pid(watch->process), &order);

	for (size_t i = 0; i < watch->count; i++) {
		struct followed *followed = &watch->followed[i];

		followed->is_mapped = false;
		for (size_t m = 0; m < maps->count && !followed->is_mapped; m++) {
			const struct elf_file *file = maps->items[m].file;

			if (!file || !elf_file__is_same(file, followed->allocator.file))
				continue;
			followed->is_mapped = true;
			if (has_order && mapping__bias(&maps->items[m], &bias))
				followed->rank = linker__rank(&order, bias);
		}
	}
	linker__release(&order);
}

void heap_watch__attach_anew(struct heap_watch *watch)
{
	if (watch->stubs)
		begin_spell(watch);
	heap_watch__leave(watch);
	heap__detach(watch->collector, process__pid(watch->process));
	for (size_t i = 0; i < watch->count; i++) {
		watch->followed[i].is_attached = false;
		attach(watch, &watch->followed[i]);
	}
}

/* What was found wanting in the old program's memory may be fine in the new one's. What is probed
 * stays so: a file that is mapped again is known. */
static void forget_failures(struct heap_watch *watch)
{
	size_t kept = 0;

	for (size_t i = 0; i < watch->count; i++) {
		struct followed *followed = &watch->followed[i];

		if (followed->is_attached)
			watch->followed[kept++] = *followed;
		else
			allocator__release(&followed->allocator);
	}
	watch->count = kept;
	for (size_t i = 0; i < watch->seen_count; i++)
		elf_file__put(watch->seen[i]);
	watch->seen_count = 0;
}

void heap_watch__note_exec(struct heap_watch *watch, uint32_t era, bool is_lost)
{
	watch->era = era;
	watch->exec_ns = clock__realtime_ns();
	watch->exec_ms = clock__monotonic_ms();
	watch->preattach_bytes = 0;
	/* They have gone with the old program's memory; the new one gets others. */
	if (watch->stubs) {
		heap_inline__forget(watch->stubs);
		drop_stubs(watch);
	}
	*watch->why_no_stubs = '\0';
	watch->is_stuck = false;
	/* The old program's; the new one's are known at the next update. */
	maps__put(watch->maps);
	watch->maps = NULL;
	watch->cannot_keep = false;
	watch->unread_err = 0;
	heap_meter__clear(&watch->meter);
	set_safe_size(watch);
	if (is_lost)
		heap_watch__attach_anew(watch);
	forget_failures(watch);
}

const struct heap_hits *heap_watch__hits(const struct heap_watch *watch)
{
	return &watch->hits;
}

uint64_t heap_watch__preattach(const struct heap_watch *watch)
{
	return watch->preattach_bytes;
}

/* What a child has is its parent's; what others have, an exoprof's that was killed. Without it the
 * functions are as they should be: they are looked at once more. */
static void clear_leftovers(struct heap_watch *watch)
{
	pid_t pid = process__pid(watch->process);
	size_t count;
	int err;

	if (watch->stubs || (!wants_stub(watch) && (watch->has_cleared || watch->options.is_child)))
		return;
	watch->has_cleared = true;
	err = heap_inline__clear(pid, watch->maps, watch->options.is_child, &count);
	if (!err && count)
		forget_failures(watch);
	if (err && err != -ESRCH)
		snprintf(watch->why_no_stubs, sizeof(watch->why_no_stubs), "%s",
			 err == -EBUSY ? "another exoprof follows it by one"
				       : "there is one of an exoprof that was killed");
}

void heap_watch__update(struct heap_watch *watch, struct maps *maps)
{
	if (!watch->options.enabled)
		return;
	maps__put(watch->maps);
	watch->maps = maps__get(maps);
	clear_leftovers(watch);
	forget_unmapped(watch, maps);
	look_at_new_files(watch, maps);
	find_ranks(watch, maps);
}

static void take_reading(struct heap_watch *watch)
{
	int64_t cpu_ns = process__cpu_ns(watch->process);
	struct heap_reading reading = {.time_ns = clock__monotonic_ns(), .cpu_ns = cpu_ns};

	if (heap__hits(watch->collector, process__pid(watch->process), &reading.hits) ||
	    cpu_ns <= 0)
		return;
	watch->hits = reading.hits;
	heap_meter__add(&watch->meter, &reading);
}

static void take_off(struct heap_watch *watch)
{
	heap_watch__leave(watch);
	heap__detach(watch->collector, process__pid(watch->process));
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
	heap__new_spell(watch->collector, watch->era);
	collector__sweep(watch->collector);
	attach_all(watch);
	watch->off_until_ns = clock__realtime_ns();
}

void heap_watch__count(struct heap_watch *watch)
{
	if (watch->stubs && process__is_alive(watch->process))
		heap_inline__tend(watch->stubs, watch->safe_bytes);
}

void heap_watch__tick(struct heap_watch *watch, const struct maps *maps)
{
	double share;

	set_safe_size(watch);
	heap_watch__count(watch);
	retry(watch);
	if (!watch->has_begun)
		return;
	if (maps)
		heap_watch__keep_probes(watch, maps);
	if (!watch->budget.is_over)
		take_reading(watch);
	share = heap_meter__last_share(&watch->meter, &watch->prices);
	switch (heap_budget__see(&watch->budget, share, clock__monotonic_ns())) {
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
