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
	struct intern *kept, *unused;
	const struct intern *unused_before; /* NULL: nothing was looked at yet */
	struct wire_chunk_key *gone;
	size_t count, capacity;
};

static int keep_stack(void *context, const void *key, const void *value)
{
	struct stack_sweep *sweep = context;

	(void)value;
	return intern__id(sweep->kept, key, sizeof(uint64_t), NULL) == INTERN_FAILED ? -ENOMEM : 0;
}

static bool is_in(const struct intern *hashes, const uint64_t *hash)
{
	return hashes && intern__find(hashes, hash, sizeof(*hash)) != INTERN_FAILED;
}

static int note_chunk(void *context, const void *key_bytes, const void *value)
{
	struct stack_sweep *sweep = context;
	const struct wire_chunk_key *key = key_bytes;
	uint64_t hash = key->stack;

	(void)value;
	if (is_in(sweep->kept, &hash))
		return 0;
	if (intern__id(sweep->unused, &hash, sizeof(hash), NULL) == INTERN_FAILED)
		return -ENOMEM;
	if (!is_in(sweep->unused_before, &hash))
		return 0;
	return array_append(&sweep->gone, &sweep->count, &sweep->capacity, *key);
}

/* A program takes a stack for being there by its first chunk, and writes that last: so it is
 * deleted last. */
static void delete_gone(const struct sweep_map *stacks, const struct stack_sweep *sweep)
{
	int fd = bpf_map__fd(stacks->map);

	for (int is_first = 0; is_first <= 1; is_first++) {
		for (size_t i = 0; i < sweep->count; i++) {
			if (is_first == (sweep->gone[i].index == 0))
				*stacks->removed += !bpf_map_delete_elem(fd, &sweep->gone[i]);
		}
	}
}

int sweep__stacks(const struct sweep_map *stacks, struct intern **unused,
		  const struct sweep_map *rows, size_t count, const char *held, size_t held_size)
{
	struct stack_sweep sweep = {
		.kept = intern__new(),
		.unused = intern__new(),
		.unused_before = *unused,
	};
	int err = sweep.kept && sweep.unused ? 0 : -ENOMEM;

	for (size_t i = 0; i < count && !err; i++)
		err = each_of(rows[i].map, keep_stack, &sweep);
	for (size_t at = 0; at + sizeof(uint64_t) <= held_size && !err; at += sizeof(uint64_t))
		err = keep_stack(&sweep, held + at, NULL);
	if (!err)
		err = each_of(stacks->map, note_chunk, &sweep);
	if (!err) {
		delete_gone(stacks, &sweep);
		intern__free(*unused);
		*unused = sweep.unused;
	} else {
		intern__free(sweep.unused);
	}
	free(sweep.gone);
	intern__free(sweep.kept);
	return err;
}
