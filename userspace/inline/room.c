// SPDX-License-Identifier: Apache-2.0
#include "inline/room.h"

#include <errno.h>
#include <stdio.h>

#include "base/array.h"
#include "target/maps.h"

#define PAGE_BYTES   4096ULL

/* 2 GiB, less what an instruction and its operand's size may add. */
#define REACH        ((2ULL << 30) - PAGE_BYTES)

/* vm.mmap_min_addr is 64 KiB by default. */
#define ADDRESS_MIN  (64ULL << 10)
#define ADDRESS_MAX  ((1ULL << 47) - PAGE_BYTES)

/* To what may still grow: the heap of brk(2), upwards, and stacks, downwards. */
#define MARGIN_BYTES (1ULL << 20)

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* What a process maps next the kernel puts where we look first: right below what is there. */
#define AWAY_BYTES (1ULL << 30)

static uint64_t away_from_end(uint64_t start, uint64_t end, uint64_t size)
{
	uint64_t spare = end - start - size;

	return end - size - (spare < AWAY_BYTES ? spare : AWAY_BYTES);
}

/* Below the code: a heap of brk(2) begins behind a program's code, and grows into what is free
 * there. */
static uint64_t find_below(const struct room_range *used, size_t count, uint64_t lowest,
			   uint64_t highest, uint64_t size)
{
	for (size_t i = count; i-- > 0;) {
		uint64_t start = i ? used[i - 1].end + MARGIN_BYTES : ADDRESS_MIN;
		uint64_t end = less(used[i].start, MARGIN_BYTES);

		if (start < lowest)
			start = lowest;
		if (end > highest)
			end = highest;
		if (end > start && end - start >= size)
			return away_from_end(start, end, size);
	}
	return 0;
}

/* Above it, as far away as can be. */
static uint64_t find_above(const struct room_range *used, size_t count, uint64_t lowest,
			   uint64_t highest, uint64_t size)
{
	for (size_t i = count; i-- > 0;) {
		uint64_t start = used[i].end + MARGIN_BYTES;
		uint64_t end = less(i + 1 < count ? used[i + 1].start : ADDRESS_MAX, MARGIN_BYTES);

		if (start < lowest)
			start = lowest;
		if (end > highest)
			end = highest;
		if (end > start && end - start >= size)
			return end - size;
	}
	return 0;
}

uint64_t room__find(const struct room_range *used, size_t count, const struct room_range *code,
		    uint64_t size)
{
	uint64_t lowest = less(code->end, REACH), highest = code->start + REACH, found;

	lowest = (lowest + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
	highest = highest / PAGE_BYTES * PAGE_BYTES;
	size = (size + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
	if (!count || code->end < code->start || code->end > ADDRESS_MAX || size > REACH)
		return 0;
	if (highest > ADDRESS_MAX)
		highest = ADDRESS_MAX;
	found = find_below(used, count, lowest, code->start / PAGE_BYTES * PAGE_BYTES, size);
	return found ? found : find_above(used, count, code->end, highest, size);
}

struct ranges {
	struct room_range *items;
	size_t count, capacity;
};

static int add_range(void *context, const struct map_line *line)
{
	struct ranges *ranges = context;

	return array_append(&ranges->items, &ranges->count, &ranges->capacity,
			    (struct room_range){line->start, line->end});
}

int room__read(pid_t pid, struct room_range **used, size_t *count)
{
	struct ranges ranges = {};
	char path[64];
	FILE *in;
	int err;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	in = fopen(path, "re");
	if (!in)
		return -errno;
	err = map_lines__parse(in, add_range, &ranges);
	fclose(in);
	if (err) {
		free(ranges.items);
		return err;
	}
	*used = ranges.items;
	*count = ranges.count;
	return 0;
}
