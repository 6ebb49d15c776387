// SPDX-License-Identifier: Apache-2.0
#include "base/ranges.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/search.h"

struct gap {
	uint32_t first, count; /* count > 0 */
};

struct ranges {
	struct gap *gaps; /* sorted by place; no two of a chunk touch */
	uint32_t gap_count, capacity;
	uint32_t chunk_count, chunk_size;
	uint32_t taken; /* ranges */
	uint32_t left;  /* places */
};

struct ranges *ranges__new(uint32_t chunk_count, uint32_t chunk_size)
{
	struct ranges *ranges = calloc(1, sizeof(*ranges));

	if (!ranges)
		return NULL;
	ranges->gaps = calloc(chunk_count, sizeof(*ranges->gaps));
	if (!ranges->gaps) {
		free(ranges);
		errno = ENOMEM;
		return NULL;
	}
	for (uint32_t i = 0; i < chunk_count; i++)
		ranges->gaps[i] = (struct gap){.first = i * chunk_size, .count = chunk_size};
	ranges->gap_count = ranges->capacity = ranges->chunk_count = chunk_count;
	ranges->chunk_size = chunk_size;
	ranges->left = chunk_count * chunk_size;
	return ranges;
}

void ranges__free(struct ranges *ranges)
{
	if (!ranges)
		return;
	free(ranges->gaps);
	free(ranges);
}

/* What is given back must find room: there is at most one gap behind each range that is taken, and
 * one at the beginning of each chunk. */
static int reserve(struct ranges *ranges)
{
	uint32_t wanted = ranges->chunk_count + ranges->taken + 1;
	struct gap *gaps;

	if (wanted <= ranges->capacity)
		return 0;
	gaps = reallocarray(ranges->gaps, wanted * 2UL, sizeof(*gaps));
	if (!gaps)
		return -ENOMEM;
	ranges->gaps = gaps;
	ranges->capacity = wanted * 2;
	return 0;
}

static void remove_gap(struct ranges *ranges, uint32_t index)
{
	ranges->gap_count--;
	memmove(&ranges->gaps[index], &ranges->gaps[index + 1],
		(ranges->gap_count - index) * sizeof(*ranges->gaps));
}

int64_t ranges__take(struct ranges *ranges, uint32_t count)
{
	int err = reserve(ranges);

	for (uint32_t i = 0; i < ranges->gap_count && !err; i++) {
		struct gap *gap = &ranges->gaps[i];
		uint32_t first = gap->first;

		if (gap->count < count)
			continue;
		gap->first += count;
		gap->count -= count;
		if (!gap->count)
			remove_gap(ranges, i);
		ranges->taken++;
		ranges->left -= count;
		return first;
	}
	return err ? err : -ENOSPC;
}

/* The first gap that begins at or behind this place. */
static uint32_t gap_behind(const struct ranges *ranges, uint32_t place)
{
	return search_lower_bound(i, ranges->gap_count, ranges->gaps[i].first < place);
}

static bool begins_chunk(const struct ranges *ranges, uint32_t place)
{
	return !(place % ranges->chunk_size);
}

void ranges__give(struct ranges *ranges, uint32_t first, uint32_t count)
{
	uint32_t behind = gap_behind(ranges, first), before = behind - 1, end = first + count;
	struct gap *gaps = ranges->gaps;
	bool joins_behind = behind < ranges->gap_count && gaps[behind].first == end &&
			    !begins_chunk(ranges, end);
	bool joins_before = behind && gaps[before].first + gaps[before].count == first &&
			    !begins_chunk(ranges, first);

	ranges->taken--;
	ranges->left += count;
	if (joins_before && joins_behind) {
		gaps[before].count += count + gaps[behind].count;
		remove_gap(ranges, behind);
	} else if (joins_before) {
		gaps[before].count += count;
	} else if (joins_behind) {
		gaps[behind].first = first;
		gaps[behind].count += count;
	} else {
		memmove(&gaps[behind + 1], &gaps[behind],
			(ranges->gap_count - behind) * sizeof(*gaps));
		gaps[behind] = (struct gap){.first = first, .count = count};
		ranges->gap_count++;
	}
}

uint32_t ranges__left(const struct ranges *ranges)
{
	return ranges->left;
}

uint32_t ranges__longest(const struct ranges *ranges)
{
	uint32_t longest = 0;

	for (uint32_t i = 0; i < ranges->gap_count; i++) {
		if (ranges->gaps[i].count > longest)
			longest = ranges->gaps[i].count;
	}
	return longest;
}

bool ranges__chunk_is_free(const struct ranges *ranges, uint32_t chunk)
{
	uint32_t first = chunk * ranges->chunk_size, index = gap_behind(ranges, first);

	return index < ranges->gap_count && ranges->gaps[index].first == first &&
	       ranges->gaps[index].count == ranges->chunk_size;
}
