// SPDX-License-Identifier: Apache-2.0
#include "symbol/address_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/search.h"

/* The spans that have begun and not ended, the last one on top: each holds from where those above
 * it have ended. */
struct sweep {
	struct address_map *map;
	const struct address_span *spans;
	size_t *open;
	size_t open_count;
	uint64_t at; /* what is before it is settled */
};

static int compare_spans(const void *left, const void *right)
{
	const struct address_span *a = left, *b = right;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if (a->end != b->end)
		return a->end > b->end ? -1 : 1;
	return (a->value < b->value) - (a->value > b->value);
}

static int add_entry(struct address_map *map, uint64_t start, uint32_t value)
{
	if (map->count && map->entries[map->count - 1].start == start)
		map->count--;
	if (map->count ? map->entries[map->count - 1].value == value : value == ADDRESS_MAP_NONE)
		return 0;
	return array_append(&map->entries, &map->count, &map->capacity,
			    (struct address_entry){.start = start, .value = value});
}

/* Settles what lies before `limit`. */
static int advance(struct sweep *sweep, uint64_t limit)
{
	int err = 0;

	while (!err && sweep->open_count) {
		const struct address_span *top = &sweep->spans[sweep->open[sweep->open_count - 1]];

		if (top->end <= sweep->at) {
			sweep->open_count--;
			continue;
		}
		err = add_entry(sweep->map, sweep->at, top->value);
		if (top->end > limit)
			return err;
		sweep->at = top->end;
		sweep->open_count--;
	}
	return err ? err : add_entry(sweep->map, sweep->at, ADDRESS_MAP_NONE);
}

int address_map__build(struct address_map *map, struct address_span *spans, size_t count)
{
	struct sweep sweep = {.map = map, .spans = spans};
	int err = 0;

	*map = (struct address_map){};
	if (!count)
		return 0;
	sweep.open = calloc(count, sizeof(*sweep.open));
	if (!sweep.open)
		return -ENOMEM;
	qsort(spans, count, sizeof(*spans), compare_spans);
	for (size_t i = 0; i < count && !err; i++) {
		err = advance(&sweep, spans[i].start);
		sweep.at = spans[i].start;
		sweep.open[sweep.open_count++] = i;
	}
	if (!err)
		err = advance(&sweep, UINT64_MAX);
	free(sweep.open);
	if (err)
		address_map__release(map);
	return err;
}

void address_map__release(struct address_map *map)
{
	free(map->entries);
	memset(map, 0, sizeof(*map));
}

uint32_t address_map__find(const struct address_map *map, uint64_t address)
{
	size_t behind = search_lower_bound(i, map->count, map->entries[i].start <= address);

	return behind ? map->entries[behind - 1].value : ADDRESS_MAP_NONE;
}
