// SPDX-License-Identifier: Apache-2.0
#include "symbol/jit_names.h"

#include <stdlib.h>

#include "base/clock.h"
#include "symbol/perf_map.h"

/* Programs whose lists are kept; then the one goes that was asked for least recently. */
#define KEPT_MAX      16

/* A profile is named within some milliseconds, and its functions were listed before it ended. A
 * list that is a second old is read on; one with an address missing earlier, but not for each of
 * thousands, since sorting a million entries takes half a second. */
#define OLD_MS        1000
#define INCOMPLETE_MS 100

struct known {
	struct jit_file *file; /* kept open, so that the pointer stays its own */
	struct perf_map *map;
	int64_t asked_ms, read_ms;
};

struct jit_names {
	struct known known[KEPT_MAX];
};

struct jit_names *jit_names__new(void)
{
	return calloc(1, sizeof(struct jit_names));
}

static void forget(struct known *known)
{
	perf_map__free(known->map);
	jit_file__put(known->file);
	*known = (struct known){};
}

void jit_names__free(struct jit_names *names)
{
	if (!names)
		return;
	for (int i = 0; i < KEPT_MAX; i++)
		forget(&names->known[i]);
	free(names);
}

static void read_on(struct known *known, int64_t now_ms)
{
	/* What could be read serves. */
	perf_map__read(known->map, jit_file__fd(known->file));
	known->read_ms = now_ms;
}

/* The place of the file; a new one's is that of the one that was asked for least recently. NULL
 * where memory is short. */
static struct known *place_of(struct jit_names *names, struct jit_file *file)
{
	struct known *oldest = &names->known[0];

	for (int i = 0; i < KEPT_MAX; i++) {
		if (names->known[i].file == file)
			return &names->known[i];
		if (names->known[i].asked_ms < oldest->asked_ms)
			oldest = &names->known[i];
	}
	forget(oldest);
	oldest->map = perf_map__new();
	if (!oldest->map)
		return NULL;
	oldest->file = jit_file__get(file);
	oldest->read_ms = INT64_MIN / 2;
	return oldest;
}

const char *jit_names__find(struct jit_names *names, struct jit_file *file, uint64_t runtime_pc,
			    uint64_t *start)
{
	struct known *known = place_of(names, file);
	int64_t now_ms = clock__monotonic_ms();
	const char *name;

	if (!known)
		return NULL;
	known->asked_ms = now_ms;
	if (now_ms - known->read_ms >= OLD_MS)
		read_on(known, now_ms);
	name = perf_map__find(known->map, runtime_pc, start);
	if (name || now_ms - known->read_ms < INCOMPLETE_MS)
		return name;
	read_on(known, now_ms);
	return perf_map__find(known->map, runtime_pc, start);
}
