// SPDX-License-Identifier: Apache-2.0
/* On uthash, which by default ends the process when memory is short; here it says so. */
#include "base/shares.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/array.h"

struct entry {
	UT_hash_handle hh;
	uint32_t number;
	uint32_t holders;
	unsigned char key[];
};

struct slot {
	struct entry *entry; /* NULL: nobody's */
	uint32_t next_free;  /* nobody's: the next one of these, UINT32_MAX: the last */
};

struct shares {
	struct entry *entries;
	struct slot *slots; /* by number */
	size_t slot_count, slot_capacity;
	uint32_t most;
	uint32_t first_free;
	uint32_t count;
};

struct shares *shares__new(uint32_t most)
{
	struct shares *shares = calloc(1, sizeof(*shares));

	if (!shares)
		return NULL;
	shares->most = most;
	shares->first_free = UINT32_MAX;
	return shares;
}

void shares__free(struct shares *shares)
{
	struct entry *entry, *next;

	if (!shares)
		return;
	HASH_ITER(hh, shares->entries, entry, next)
	{
		/* HASH_ITER has the next one already. */
		HASH_DEL(shares->entries, entry); /* NOLINT(clang-analyzer-unix.Malloc) */
		free(entry);
	}
	free(shares->slots);
	free(shares);
}

static struct entry *find(const struct shares *shares, const void *key, size_t size)
{
	struct entry *entry;

	HASH_FIND(hh, shares->entries, key, size, entry);
	return entry;
}

/* A number that is nobody's, and a slot for it. */
static int64_t free_number(struct shares *shares)
{
	int err;

	if (shares->first_free != UINT32_MAX)
		return shares->first_free;
	if (shares->slot_count == shares->most)
		return -ENOSPC;
	err = array_append(&shares->slots, &shares->slot_count, &shares->slot_capacity,
			   (struct slot){.next_free = UINT32_MAX});
	if (err)
		return err;
	shares->first_free = shares->slot_count - 1;
	return shares->first_free;
}

static int64_t add(struct shares *shares, const void *key, size_t size)
{
	int64_t number = free_number(shares);
	struct entry *entry;

	if (number < 0)
		return number;
	entry = malloc(sizeof(*entry) + size);
	if (!entry)
		return -ENOMEM;
	memcpy(entry->key, key, size);
	entry->number = number;
	entry->holders = 1;
	HASH_ADD_KEYPTR(hh, shares->entries, entry->key, size, entry);
	/* uthash leaves the table pointer NULL in an element that it could not add. */
	if (!entry->hh.tbl) {
		free(entry);
		return -ENOMEM;
	}
	shares->first_free = shares->slots[number].next_free;
	shares->slots[number].entry = entry;
	shares->count++;
	return number;
}

int64_t shares__take(struct shares *shares, const void *key, size_t size, bool *is_new)
{
	struct entry *entry = find(shares, key, size);

	*is_new = !entry;
	if (!entry)
		return add(shares, key, size);
	entry->holders++;
	return entry->number;
}

int64_t shares__find(const struct shares *shares, const void *key, size_t size)
{
	const struct entry *entry = find(shares, key, size);

	return entry ? (int64_t)entry->number : -ENOENT;
}

void shares__put(struct shares *shares, uint32_t number)
{
	struct slot *slot = &shares->slots[number];

	if (--slot->entry->holders)
		return;
	HASH_DEL(shares->entries, slot->entry);
	free(slot->entry);
	*slot = (struct slot){.next_free = shares->first_free};
	shares->first_free = number;
	shares->count--;
}

uint32_t shares__count(const struct shares *shares)
{
	return shares->count;
}
