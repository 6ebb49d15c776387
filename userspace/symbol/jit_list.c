// SPDX-License-Identifier: Apache-2.0
#include "symbol/jit_list.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "symbol/perf_map.h"

/* A profile is named within some milliseconds, and its functions were listed before it ended. A
 * list that is a second old is read on; one with an address missing earlier, but not for each of
 * thousands, since sorting a million entries takes half a second. */
#define OLD_MS        1000
#define INCOMPLETE_MS 100

struct jit_list {
	int fd;
	struct perf_map *map;
	int64_t read_ms;
};

struct jit_list *jit_list__new(int fd)
{
	struct jit_list *list = calloc(1, sizeof(*list));

	if (!list)
		return NULL;
	list->fd = fd;
	list->read_ms = INT64_MIN / 2;
	list->map = perf_map__new();
	if (list->map)
		return list;
	free(list);
	errno = ENOMEM;
	return NULL;
}

void jit_list__free(struct jit_list *list)
{
	if (!list)
		return;
	perf_map__free(list->map);
	free(list);
}

static void read_on(struct jit_list *list, int64_t now_ms)
{
	/* What could be read serves. */
	perf_map__read(list->map, list->fd);
	list->read_ms = now_ms;
}

const char *jit_list__find(struct jit_list *list, uint64_t runtime_pc, uint64_t *start)
{
	int64_t now_ms = clock__monotonic_ms();
	const char *name;

	if (now_ms - list->read_ms >= OLD_MS)
		read_on(list, now_ms);
	name = perf_map__find(list->map, runtime_pc, start);
	if (name || now_ms - list->read_ms < INCOMPLETE_MS)
		return name;
	read_on(list, now_ms);
	return perf_map__find(list->map, runtime_pc, start);
}
