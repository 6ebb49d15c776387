// SPDX-License-Identifier: Apache-2.0
#include "serve/snapshots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct snapshots {
	struct snapshot **items; /* the oldest first */
	size_t count, bytes;
	size_t max_count, max_bytes;
	uint64_t last_id;
};

struct snapshots *snapshots__new(size_t max_count, size_t max_bytes)
{
	struct snapshots *snapshots = calloc(1, sizeof(*snapshots));

	if (!snapshots)
		return NULL;
	snapshots->max_count = max_count;
	snapshots->max_bytes = max_bytes;
	snapshots->items = calloc(max_count, sizeof(struct snapshot *));
	if (snapshots->items)
		return snapshots;
	free(snapshots);
	return NULL;
}

void snapshot__put(struct snapshot *snapshot)
{
	if (!snapshot || --snapshot->holders)
		return;
	free(snapshot->bytes);
	free(snapshot);
}

static void remove_at(struct snapshots *snapshots, size_t i)
{
	struct snapshot *snapshot = snapshots->items[i];

	snapshots->count--;
	snapshots->bytes -= snapshot->size;
	memmove(&snapshots->items[i], &snapshots->items[i + 1],
		(snapshots->count - i) * sizeof(struct snapshot *));
	snapshot__put(snapshot);
}

void snapshots__free(struct snapshots *snapshots)
{
	if (!snapshots)
		return;
	while (snapshots->count)
		remove_at(snapshots, 0);
	free(snapshots->items);
	free(snapshots);
}

const struct snapshot *snapshots__add(struct snapshots *snapshots, const struct snapshot *described,
				      char *bytes, size_t size)
{
	struct snapshot *snapshot = NULL;

	errno = EFBIG;
	if (size <= snapshots->max_bytes)
		snapshot = malloc(sizeof(*snapshot));
	if (!snapshot) {
		free(bytes);
		return NULL;
	}
	while (snapshots->count == snapshots->max_count ||
	       size > snapshots->max_bytes - snapshots->bytes)
		remove_at(snapshots, 0);
	*snapshot = *described;
	snapshot->id = ++snapshots->last_id;
	snapshot->bytes = bytes;
	snapshot->size = size;
	snapshot->holders = 1;
	snapshots->items[snapshots->count++] = snapshot;
	snapshots->bytes += size;
	return snapshot;
}

/* Its place; the count where there is none. */
static size_t find(const struct snapshots *snapshots, uint64_t id)
{
	size_t i = 0;

	while (i < snapshots->count && snapshots->items[i]->id != id)
		i++;
	return i;
}

struct snapshot *snapshots__hold(struct snapshots *snapshots, uint64_t id)
{
	size_t i = find(snapshots, id);

	if (i == snapshots->count)
		return NULL;
	snapshots->items[i]->holders++;
	return snapshots->items[i];
}

int snapshots__remove(struct snapshots *snapshots, uint64_t id)
{
	size_t i = find(snapshots, id);

	if (i == snapshots->count)
		return -ENOENT;
	remove_at(snapshots, i);
	return 0;
}

bool snapshots__has_had(const struct snapshots *snapshots, uint64_t id)
{
	return id && id <= snapshots->last_id;
}

size_t snapshots__count(const struct snapshots *snapshots)
{
	return snapshots->count;
}

const struct snapshot *snapshots__at(const struct snapshots *snapshots, size_t i)
{
	return snapshots->items[i];
}

size_t snapshots__bytes(const struct snapshots *snapshots)
{
	return snapshots->bytes;
}
