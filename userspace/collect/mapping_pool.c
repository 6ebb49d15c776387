// SPDX-License-Identifier: Apache-2.0
#include "collect/mapping_pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

struct run {
	uint32_t first, count; /* count > 0 */
};

struct mapping_pool {
	struct wire_mapping *items;
	struct run *runs; /* sorted by place; between two of them the pool is free */
	size_t count, capacity;
};

struct mapping_pool *mapping_pool__new(struct wire_mapping *items)
{
	struct mapping_pool *pool = calloc(1, sizeof(*pool));

	if (pool)
		pool->items = items;
	return pool;
}

void mapping_pool__free(struct mapping_pool *pool)
{
	if (!pool)
		return;
	free(pool->runs);
	free(pool);
}

static const struct run *find_same(const struct mapping_pool *pool,
				   const struct wire_mapping *content, uint32_t count)
{
	for (size_t i = 0; i < pool->count; i++) {
		const struct run *run = &pool->runs[i];

		if (run->count == count &&
		    !memcmp(&pool->items[run->first], content, count * sizeof(*content)))
			return run;
	}
	return NULL;
}

/* The index of the run that a new one of this size goes before, and where the new one begins. */
static bool find_gap(const struct mapping_pool *pool, uint32_t count, size_t *before,
		     uint32_t *first)
{
	*first = 0;
	for (*before = 0; *before < pool->count; (*before)++) {
		const struct run *run = &pool->runs[*before];

		if (run->first - *first >= count)
			return true;
		*first = run->first + run->count;
	}
	return WIRE_MAPPING_POOL - *first >= count;
}

int64_t mapping_pool__take(struct mapping_pool *pool, const struct wire_mapping *content,
			   uint32_t count)
{
	const struct run *same = find_same(pool, content, count);
	struct run run = {.count = count};
	size_t before;

	if (same)
		return same->first;
	if (!find_gap(pool, count, &before, &run.first))
		return -ENOSPC;
	if (array_append(&pool->runs, &pool->count, &pool->capacity, run))
		return -ENOMEM;
	memmove(&pool->runs[before + 1], &pool->runs[before],
		(pool->count - 1 - before) * sizeof(*pool->runs));
	pool->runs[before] = run;
	memcpy(&pool->items[run.first], content, count * sizeof(*content));
	return run.first;
}

size_t mapping_pool__count(const struct mapping_pool *pool)
{
	return pool->count;
}

size_t mapping_pool__used(const struct mapping_pool *pool)
{
	size_t used = 0;

	for (size_t i = 0; i < pool->count; i++)
		used += pool->runs[i].count;
	return used;
}

void mapping_pool__each(const struct mapping_pool *pool,
			void (*each)(void *context, const struct wire_mapping *mapping),
			void *context)
{
	for (size_t i = 0; i < pool->count; i++) {
		const struct run *run = &pool->runs[i];

		for (uint32_t j = 0; j < run->count; j++)
			each(context, &pool->items[run->first + j]);
	}
}

void mapping_pool__reclaim(struct mapping_pool *pool,
			   bool (*is_used)(void *context, uint32_t first), void *context)
{
	size_t kept = 0;

	for (size_t i = 0; i < pool->count; i++) {
		if (is_used(context, pool->runs[i].first))
			pool->runs[kept++] = pool->runs[i];
	}
	pool->count = kept;
}
