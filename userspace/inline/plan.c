// SPDX-License-Identifier: Apache-2.0
#include "inline/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inline/consent.h"
#include "inline/room.h"
#include "target/code.h"

/* A longer function is none that takes its caller's time, and its code would have to be read. */
#define FUNCTION_BYTES_MAX (64 << 10)

/* Operators of C++ may call what throws, also where they themselves do not ("_ZnwmRKSt9nothrow_t",
 * "new_nothrow"). */
static bool may_call(const struct allocator_probe *probe)
{
	return !probe->throws && strncmp(probe->function, "_Z", 2) &&
	       !strstr(probe->function, "new");
}

/* By its code in the file, which is what is in memory, too. */
static const char *find_place(struct plan_function *function, const struct elf_file *file,
			      uint64_t offset)
{
	size_t size = function->probe->size, got;
	unsigned char *code;
	const char *why;

	if (!size)
		return "its size is not known";
	if (size > FUNCTION_BYTES_MAX)
		return "it is too long";
	code = malloc(size);
	if (!code)
		return "memory is short";
	got = elf_file__read(file, offset, code, size);
	if (got != size)
		why = "the file ends in it";
	else if (!hook_place__find(code, size, function->address, may_call(function->probe),
				   &function->place, &why))
		why = NULL;
	for (size_t i = 0; i < got && i < sizeof(function->code); i++)
		function->code[i] = code[i];
	free(code);
	return why;
}

static void look_at(struct plan_function *function, pid_t pid, const struct maps *maps,
		    const struct elf_file *file)
{
	const struct allocator_probe *probe = function->probe;
	uint64_t offset = probe->file_offset - probe->place.offset;

	function->address = code__address(maps, file, offset);
	if (!function->address) {
		function->why = "it is not mapped";
		return;
	}
	function->why = find_place(function, file, offset);
	if (function->why)
		return;
	switch (code__compare(pid, maps, file, offset, function->place.end)) {
	case CODE_AS_IN_FILE:
		break;
	case CODE_WITH_BREAKPOINTS:
		function->why = "a probe or a breakpoint is on it";
		break;
	case CODE_CHANGED:
		function->why = "it is not as in its file";
		break;
	case CODE_UNREAD:
		function->why = "its memory cannot be read";
		break;
	}
}

/* --- branches from elsewhere
 * ------------------------------------------------------------------------ */

#define CHUNK_BYTES (256 << 10)

/* An operand and what comes before it may be in two chunks. */
#define OVERLAP     8

static void see_branches(struct plan *plan, const unsigned char *code, size_t size,
			 uint64_t address)
{
	for (size_t i = 0; i < plan->count; i++) {
		struct plan_function *function = &plan->functions[i];

		if (!function->why &&
		    hook_place__is_branched_to(code, size, address, function->address + 1,
					       function->address + function->place.end))
			function->why = "something jumps to its first instructions";
	}
}

/* All code of the file. */
static int look_for_branches(struct plan *plan, const struct maps *maps,
			     const struct elf_file *file)
{
	unsigned char *chunk = malloc(CHUNK_BYTES);

	if (!chunk)
		return -ENOMEM;
	for (size_t i = 0; i < maps->count; i++) {
		const struct mapping *mapping = &maps->items[i];
		uint64_t size = mapping->end - mapping->start;

		if (!mapping->file || !elf_file__is_same(mapping->file, file))
			continue;
		for (uint64_t at = 0; at < size; at += CHUNK_BYTES - OVERLAP) {
			uint64_t left = size - at;
			size_t got = elf_file__read(file, mapping->file_offset + at, chunk,
						    left < CHUNK_BYTES ? left : CHUNK_BYTES);

			see_branches(plan, chunk, got, mapping->start + at);
			if (got < CHUNK_BYTES)
				break;
		}
	}
	free(chunk);
	return 0;
}

/* --- the stub
 * ---------------------------------------------------------------------------------------- */

static size_t count_possible(const struct plan *plan, struct room_range *code)
{
	size_t count = 0;

	*code = (struct room_range){UINT64_MAX, 0};
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_function *function = &plan->functions[i];

		if (function->why)
			continue;
		count++;
		if (function->address < code->start)
			code->start = function->address;
		if (function->address > code->end)
			code->end = function->address;
	}
	return count;
}

static const char *explain(int err)
{
	switch (err) {
	case -ERANGE:
		return "what it refers to is too far away";
	case -ENOSPC:
		return "there are too many functions";
	default:
		return "its first instructions cannot be moved";
	}
}

static int build(struct plan *plan, uint64_t address, const uint64_t *cookies,
		 const struct stub_books *books)
{
	stub_image__begin(&plan->image, address, books);
	for (size_t i = 0; i < plan->count; i++) {
		struct plan_function *function = &plan->functions[i];
		struct stub_function stub = {
			.call = function->probe->call,
			.throws = function->probe->throws,
			.cookie = cookies ? cookies[i] : 0,
			.address = function->address,
			.code = function->code,
			.place = function->place,
		};
		int err =
			function->why ? 0 : stub_image__add(&plan->image, &stub, &function->entry);

		if (err)
			function->why = explain(err);
	}
	return stub_image__finish(&plan->image);
}

static int fill(struct plan *plan, pid_t pid, const struct maps *maps,
		const struct allocator *allocator, const uint64_t *cookies,
		const struct stub_books *books)
{
	struct room_range *mappings, code;
	size_t mapping_count;
	uint64_t address;
	int err;

	for (size_t i = 0; i < allocator->count; i++) {
		plan->functions[i].probe = &allocator->probes[i];
		look_at(&plan->functions[i], pid, maps, allocator->file);
	}
	plan->count = allocator->count;
	err = look_for_branches(plan, maps, allocator->file);
	if (err || !count_possible(plan, &code))
		return err;
	err = room__read(pid, &mappings, &mapping_count);
	if (err)
		return err;
	address = room__find(mappings, mapping_count, &code, stub_image__bytes(books));
	free(mappings);
	if (!address) {
		plan->why = "there is no room within 2 GiB of its allocator";
		return 0;
	}
	err = build(plan, address, cookies, books);
	plan->possible = count_possible(plan, &code);
	return err;
}

struct plan *plan__make(pid_t pid, const struct maps *maps, const struct allocator *allocator,
			const uint64_t *cookies, const struct stub_books *books)
{
	struct plan *plan = calloc(1, sizeof(*plan));
	int err = 0;

	if (!plan)
		return NULL;
	plan->why = consent__refusal(pid);
	if (!plan->why)
		err = fill(plan, pid, maps, allocator, cookies, books);
	if (!plan->why && !plan->possible)
		plan->why = "none of its functions can be left for a stub";
	if (!err)
		return plan;
	free(plan);
	errno = -err;
	return NULL;
}
