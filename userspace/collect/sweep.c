// SPDX-License-Identifier: Apache-2.0
#include "collect/sweep.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/intern.h"
#include "collect/internal.h"

/* The keys of what is to be taken out of a map. */
struct outdated {
	const struct eras *eras;
	size_t key_size, era_at;
	char *keys;
	size_t count, capacity;
};

static int each_of(const struct bpf_map *map,
		   int (*each)(void *context, const void *key, const void *value), void *context)
{
	return map__each(bpf_map__fd(map), bpf_map__key_size(map), bpf_map__value_size(map), each,
			 context);
}

/* One that is not known has just begun. */
static bool is_wanted(const struct eras *eras, uint32_t number)
{
	const struct era *era = eras__find(eras, number);

	return era ? era__counts(era) : !eras__was_dropped(eras, number);
}

static int note_outdated(void *context, const void *key, const void *value)
{
	struct outdated *outdated = context;
	uint32_t era;
	char *keys;

	(void)value;
	memcpy(&era, (const char *)key + outdated->era_at, sizeof(era));
	if (is_wanted(outdated->eras, era))
		return 0;
	keys = array__grow(outdated->keys, outdated->count, &outdated->capacity,
			   outdated->key_size);
	if (!keys)
		return -ENOMEM;
	outdated->keys = keys;
	memcpy(keys + outdated->count++ * outdated->key_size, key, outdated->key_size);
	return 0;
}

int sweep__rows(const struct sweep_map *rows, const struct eras *eras)
{
	struct outdated outdated = {
		.eras = eras,
		.key_size = bpf_map__key_size(rows->map),
		.era_at = rows->era_at,
	};
	int err = each_of(rows->map, note_outdated, &outdated);

	for (size_t i = 0; i < outdated.count && !err; i++)
		*rows->removed += !bpf_map_delete_elem(bpf_map__fd(rows->map),
						       outdated.keys + i * outdated.key_size);
	free(outdated.keys);
	return err;
}

/* Stacks that rows still have, and those of the others. */
struct stack_sweep {
	struct intern *kept;
	struct wire_chunk_key *gone;
	size_t count, capacity;
};

static int keep_stack(void *context, const void *key, const void *value)
{
	struct stack_sweep *sweep = context;

	(void)value;
	return intern__id(sweep->kept, key, sizeof(uint64_t), NULL) == INTERN_FAILED ? -ENOMEM : 0;
}

static int note_chunk(void *context, const void *key_bytes, const void *value)
{
	struct stack_sweep *sweep = context;
	const struct wire_chunk_key *key = key_bytes;

	(void)value;
	if (intern__find(sweep->kept, &key->stack, sizeof(key->stack)) != INTERN_FAILED)
		return 0;
	return array_append(&sweep->gone, &sweep->count, &sweep->capacity, *key);
}

int sweep__stacks(const struct sweep_map *stacks, const struct sweep_map *rows, size_t count)
{
	struct stack_sweep sweep = {.kept = intern__new()};
	int err = sweep.kept ? 0 : -ENOMEM;

	for (size_t i = 0; i < count && !err; i++)
		err = each_of(rows[i].map, keep_stack, &sweep);
	if (!err)
		err = each_of(stacks->map, note_chunk, &sweep);
	for (size_t i = 0; i < sweep.count && !err; i++)
		*stacks->removed += !bpf_map_delete_elem(bpf_map__fd(stacks->map), &sweep.gone[i]);
	free(sweep.gone);
	intern__free(sweep.kept);
	return err;
}
