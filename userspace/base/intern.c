// SPDX-License-Identifier: Apache-2.0
/* On uthash, which by default ends the process when memory is short; here it says so. */
#include "base/intern.h"

#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct entry {
	UT_hash_handle hh;
	uint32_t id;
	unsigned char key[];
};

struct intern {
	struct entry *entries;
	uint32_t count;
};

struct intern *intern__new(void)
{
	return calloc(1, sizeof(struct intern));
}

void intern__free(struct intern *intern)
{
	struct entry *entry, *next;

	if (!intern)
		return;
	HASH_ITER(hh, intern->entries, entry, next)
	{
		HASH_DEL(intern->entries, entry);
		free(entry);
	}
	free(intern);
}

static struct entry *find(const struct intern *intern, const void *key, size_t size)
{
	struct entry *entry;

	HASH_FIND(hh, intern->entries, key, size, entry);
	return entry;
}

uint32_t intern__find(const struct intern *intern, const void *key, size_t size)
{
	const struct entry *entry = find(intern, key, size);

	return entry ? entry->id : INTERN_FAILED;
}

uint32_t intern__id(struct intern *intern, const void *key, size_t size, bool *is_new)
{
	struct entry *entry = find(intern, key, size);

	if (is_new)
		*is_new = !entry;
	if (entry)
		return entry->id;
	entry = malloc(sizeof(*entry) + size);
	if (!entry)
		return INTERN_FAILED;
	memcpy(entry->key, key, size);
	entry->id = intern->count;
	HASH_ADD_KEYPTR(hh, intern->entries, entry->key, size, entry);
	/* uthash leaves the table pointer NULL in an element that it could not add. */
	if (!entry->hh.tbl) {
		free(entry);
		return INTERN_FAILED;
	}
	return intern->count++;
}

uint32_t intern__count(const struct intern *intern)
{
	return intern->count;
}
