// SPDX-License-Identifier: Apache-2.0
#include "heap_inline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "inline/visit.h"
#include "target/memory.h"

#define STUBS_MAX 16

/* One allocator's. */
struct stub {
	struct elf_file *file;
	struct installation *installation;
};

struct heap_inline {
	struct collector *collector;
	struct process *process;
	struct stub items[STUBS_MAX]; /* the first has the books */
	size_t count;
	struct stub_books books;
	struct stub_counts counts; /* so far */
	int64_t stopped_ns;
	char why[128];
};

/* --- what others have left
 * -------------------------------------------------------------------------- */

struct leftovers {
	struct installation *items[STUBS_MAX];
	size_t count;
};

static int find_all(struct leftovers *leftovers, pid_t pid, const struct maps *maps, bool also_used)
{
	int err = 0;

	for (size_t i = 0; i < maps->count && !err && leftovers->count < STUBS_MAX; i++) {
		struct installation *installation;

		if (!mapping__is_stub(&maps->items[i]))
			continue;
		installation = installation__find(pid, maps, &maps->items[i], also_used);
		if (installation)
			leftovers->items[leftovers->count++] = installation;
		else
			err = -errno;
	}
	return err;
}

/* First those that use the books of another. */
static int unmap_all(const struct leftovers *leftovers)
{
	int err = 0;

	for (int with_books = 0; with_books <= 1; with_books++) {
		for (size_t i = 0; i < leftovers->count && !err; i++) {
			if (installation__has_books(leftovers->items[i]) == (with_books == 1))
				err = visit__unmap(leftovers->items[i]);
		}
	}
	return err;
}

int heap_inline__clear(pid_t pid, const struct maps *maps, bool also_used, size_t *count)
{
	struct leftovers leftovers = {};
	int err = find_all(&leftovers, pid, maps, also_used);

	for (size_t i = 0; i < leftovers.count && !err; i++)
		err = visit__deactivate(leftovers.items[i]);
	if (!err)
		err = unmap_all(&leftovers);
	for (size_t i = 0; i < leftovers.count; i++)
		installation__free(leftovers.items[i]);
	if (count)
		*count = leftovers.count;
	return err;
}

/* --- installing
 * ------------------------------------------------------------------------------------ */

static const char *explain(int err)
{
	switch (err) {
	case -EPERM:
	case -EACCES:
		return "its threads cannot be stopped: not permitted, or it is traced";
	case -EBUSY:
		return "a thread of it does not stop";
	case -ESRCH:
		return "it has exited";
	case -ENOSPC:
		return "no code of it has room for a call behind it";
	case -EAGAIN:
		return "threads of it are in the middle of those functions all the time";
	case -EBADMSG:
		return "its code is changed by somebody else";
	case -EADDRINUSE:
		return "it maps memory where there was room";
	case -E2BIG:
		return "it has too many threads, or too many functions are followed";
	default:
		return strerror(-err);
	}
}

/* As many buckets that most have one block or two: twice what is there now, for it may grow. */
#define BUCKET_BITS_MIN 13
#define HEAP_BYTES_MIN  (1ULL << 30)

static unsigned int bucket_bits(const struct collector *collector, pid_t pid)
{
	unsigned int bits = BUCKET_BITS_MIN;
	uint64_t bytes = 0, blocks;

	if (memory__anonymous(pid, &bytes) || bytes < HEAP_BYTES_MIN)
		bytes = HEAP_BYTES_MIN;
	blocks = 2 * bytes / heap__rate(collector);
	while (bits < STUB_BUCKET_BITS_MAX && 1ULL << bits < blocks / 2)
		bits++;
	return bits;
}

static void say_why(struct heap_inline *stubs, const char *function, const char *why)
{
	snprintf(stubs->why, sizeof(stubs->why), "%s%s%s", function, *function ? ": " : "", why);
}

/* Whether it is for all of the functions. */
static bool is_whole(struct heap_inline *stubs, const struct plan *plan)
{
	if (plan->why) {
		say_why(stubs, "", plan->why);
		return false;
	}
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_function *function = &plan->functions[i];

		if (function->why) {
			say_why(stubs, function->probe->function, function->why);
			return false;
		}
	}
	return true;
}

/* The caller's to free. 0, -ENOTSUP with `why`, or -errno. */
static int make_plan(struct heap_inline *stubs, const struct maps *maps,
		     const struct allocator *allocator, struct plan **plan)
{
	pid_t pid = process__pid(stubs->process);
	uint64_t cookies[ALLOCATOR_PROBES_MAX];
	int err = heap__cookies(stubs->collector, pid, allocator, cookies);

	if (err)
		return err;
	*plan = plan__make(pid, maps, allocator, cookies, &stubs->books);
	if (!*plan)
		return -errno;
	if (is_whole(stubs, *plan))
		return 0;
	free(*plan);
	return -ENOTSUP;
}

static int probe(struct heap_inline *stubs, const struct stub *stub,
		 const struct allocator *allocator)
{
	struct heap_stub place = {
		.fd = installation__fd(stub->installation),
		.entry_offset = stub_image__probe(STUB_PROBE_ENTRY),
		.return_offset = stub_image__probe(STUB_PROBE_RETURN),
		.free_offset = stub_image__probe(STUB_PROBE_FREE),
	};

	return heap__attach(stubs->collector, process__pid(stubs->process), allocator, &place);
}

static void note_stop(struct heap_inline *stubs, const struct installation *installation)
{
	if (installation__stopped_ns(installation) > stubs->stopped_ns)
		stubs->stopped_ns = installation__stopped_ns(installation);
}

/* The probes come before the first call that they are there for. */
static int install(struct heap_inline *stubs, const struct plan *plan, const struct maps *maps,
		   const struct allocator *allocator, uint64_t safe_size)
{
	struct stub *stub = &stubs->items[stubs->count];
	pid_t pid = process__pid(stubs->process);
	struct stub_counts counts;
	int err;

	stub->file = allocator->file;
	err = visit__map(pid, plan, maps, heap__rate(stubs->collector), &stub->installation);
	if (err)
		return err;
	err = probe(stubs, stub, allocator);
	if (!err)
		err = installation__tend(stub->installation, safe_size, &counts);
	if (!err)
		err = visit__activate(stub->installation);
	note_stop(stubs, stub->installation);
	if (!err)
		return 0;
	heap__detach_file(stubs->collector, pid, stub->file);
	visit__unmap(stub->installation);
	installation__free(stub->installation);
	return err;
}

static int add_once(struct heap_inline *stubs, const struct maps *maps,
		    const struct allocator *allocator, uint64_t safe_size)
{
	struct plan *plan;
	int err;

	if (!stubs->count)
		stubs->books = (struct stub_books){
			.bucket_bits = bucket_bits(stubs->collector, process__pid(stubs->process)),
		};
	err = make_plan(stubs, maps, allocator, &plan);
	if (err)
		return err;
	err = install(stubs, plan, maps, allocator, safe_size);
	free(plan);
	return err;
}

/* What is free in an address space may be taken a moment later. */
#define ADD_TRIES 3

const char *heap_inline__add(struct heap_inline *stubs, const struct maps *maps,
			     const struct allocator *allocator, uint64_t safe_size)
{
	int err = stubs->count == STUBS_MAX ? -E2BIG : -EADDRINUSE;

	*stubs->why = '\0';
	for (int i = 0; i < ADD_TRIES && err == -EADDRINUSE; i++)
		err = add_once(stubs, maps, allocator, safe_size);
	if (err) {
		if (!*stubs->why)
			say_why(stubs, "", explain(err));
		return stubs->why;
	}
	elf_file__get(allocator->file);
	if (!stubs->count)
		stubs->books.address = installation__books(stubs->items[0].installation);
	stubs->count++;
	return NULL;
}

/* --- while it is there
 * ----------------------------------------------------------------------------- */

static void count(const struct heap_inline *stubs, enum wire_counter counter, uint64_t before,
		  uint64_t now)
{
	/* Two threads may write one stripe's count at a time, and the lower one stays. */
	if (now > before)
		heap__count(stubs->collector, counter, now - before);
}

static uint64_t unsampled(const struct stub_counts *counts)
{
	uint64_t others = counts->sampled + counts->nested + counts->too_large;

	return counts->calls > others ? counts->calls - others : 0;
}

static void take_counts(struct heap_inline *stubs, const struct stub_counts *now)
{
	const struct stub_counts *before = &stubs->counts;

	count(stubs, WIRE_ALLOC_UNSAMPLED, unsampled(before), unsampled(now));
	count(stubs, WIRE_ALLOC_NESTED, before->nested, now->nested);
	count(stubs, WIRE_ALLOC_TOO_LARGE, before->too_large, now->too_large);
	count(stubs, WIRE_ALLOC_TOO_LARGE_BYTES, before->too_large_bytes, now->too_large_bytes);
	stubs->counts = *now;
}

void heap_inline__tend(struct heap_inline *stubs, uint64_t safe_size)
{
	struct stub_counts now;

	if (!stubs->count)
		return;
	for (size_t i = 0; i < stubs->count; i++)
		installation__learn(stubs->items[i].installation);
	if (!installation__tend(stubs->items[0].installation, safe_size, &now))
		take_counts(stubs, &now);
}

bool heap_inline__is_there(const struct heap_inline *stubs)
{
	for (size_t i = 0; i < stubs->count; i++) {
		if (!installation__is_active(stubs->items[i].installation))
			return false;
	}
	return true;
}

int64_t heap_inline__stopped_ns(const struct heap_inline *stubs)
{
	return stubs->stopped_ns;
}

/* --- leaving
 * --------------------------------------------------------------------------------------- */

struct heap_inline *heap_inline__new(struct collector *collector, struct process *process)
{
	struct heap_inline *stubs = calloc(1, sizeof(*stubs));

	if (!stubs)
		return NULL;
	stubs->collector = collector;
	stubs->process = process;
	return stubs;
}

void heap_inline__forget(struct heap_inline *stubs)
{
	pid_t pid = process__pid(stubs->process);

	for (size_t i = 0; i < stubs->count; i++) {
		heap__detach_file(stubs->collector, pid, stubs->items[i].file);
		installation__free(stubs->items[i].installation);
		elf_file__put(stubs->items[i].file);
	}
	stubs->count = 0;
	stubs->counts = (struct stub_counts){};
}

static int deactivate_all(struct heap_inline *stubs)
{
	int first_err = 0;

	for (size_t i = stubs->count; i-- > 0;) {
		int err = visit__deactivate(stubs->items[i].installation);

		note_stop(stubs, stubs->items[i].installation);
		first_err = first_err ? first_err : err;
	}
	return first_err;
}

/* The one with the books goes last. */
static int unmap_stubs(struct heap_inline *stubs)
{
	int err = 0;

	for (size_t i = stubs->count; i-- > 0 && !err;) {
		err = visit__unmap(stubs->items[i].installation);
		note_stop(stubs, stubs->items[i].installation);
	}
	return err;
}

bool heap_inline__leave(struct heap_inline *stubs)
{
	pid_t pid = process__pid(stubs->process);
	bool is_restored;
	int err;

	if (!stubs->count)
		return true;
	err = process__is_alive(stubs->process) ? deactivate_all(stubs) : -ESRCH;
	/* The process has gone, or has another program. */
	if (err == -ESRCH || err == -ESTALE) {
		heap_inline__forget(stubs);
		return true;
	}
	is_restored = !err;
	heap_inline__tend(stubs, 0);
	for (size_t i = 0; i < stubs->count; i++)
		heap__detach_file(stubs->collector, pid, stubs->items[i].file);
	if (err)
		say("pid %d: its functions lead to exoprof's code still: %s; exoprof detach -p %d "
		    "takes it out",
		    pid, explain(err), pid);
	else
		err = unmap_stubs(stubs);
	if (is_restored && err && err != -ESRCH && err != -ESTALE)
		say("pid %d: exoprof's code stays mapped, though nothing leads there any more: %s; "
		    "exoprof detach -p %d takes it out",
		    pid, err == -EAGAIN ? "a thread may be in it still" : explain(err), pid);
	heap_inline__forget(stubs);
	return is_restored;
}

void heap_inline__free(struct heap_inline *stubs)
{
	if (!stubs)
		return;
	heap_inline__leave(stubs);
	free(stubs);
}
