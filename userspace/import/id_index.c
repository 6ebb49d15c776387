// SPDX-License-Identifier: Apache-2.0
#include "import/id_index.h"

#include <errno.h>
#include <stdlib.h>

struct entry {
	uint64_t id;
	uint32_t place;
};

struct id_index {
	size_t count;
	struct entry entries[]; /* sorted */
};

static int compare_entries(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;

	return (a->id > b->id) - (a->id < b->id);
}

struct id_index *id_index__new(const uint64_t *ids, size_t count)
{
	struct id_index *index = calloc(1, sizeof(*index) + count * sizeof(index->entries[0]));

	if (!index)
		return NULL;
	index->count = count;
	for (size_t i = 0; i < count; i++)
		index->entries[i] = (struct entry){.id = ids[i], .place = i};
	qsort(index->entries, count, sizeof(index->entries[0]), compare_entries);
	for (size_t i = 0; i < count; i++) {
		if (index->entries[i].id != (i ? index->entries[i - 1].id : 0))
			continue;
		free(index);
		errno = EEXIST;
		return NULL;
	}
	return index;
}

void id_index__free(struct id_index *index)
{
	free(index);
}

uint32_t id_index__find(const struct id_index *index, uint64_t id)
{
	struct entry wanted = {.id = id};
	const struct entry *found = bsearch(&wanted, index->entries, index->count,
					    sizeof(index->entries[0]), compare_entries);

	return found ? found->place : UINT32_MAX;
}
