// SPDX-License-Identifier: Apache-2.0
#include "serve/snapshot_list.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "export/json.h"

struct writing {
	FILE *out;
	struct json *json;
	char *text;
	size_t size;
};

static int begin(struct writing *writing)
{
	writing->out = open_memstream(&writing->text, &writing->size);
	if (writing->out)
		writing->json = json__new(writing->out);
	return writing->json ? 0 : -ENOMEM;
}

static char *end(struct writing *writing, size_t *size)
{
	int err = writing->json ? json__end(writing->json) : -ENOMEM;

	if (writing->out && fclose(writing->out))
		err = -ENOMEM;
	*size = writing->size;
	if (!err)
		return writing->text;
	free(writing->text);
	return NULL;
}

static void put_entry(struct json *json, const struct snapshot *snapshot)
{
	char path[64];

	snprintf(path, sizeof(path), "/api/snapshots/%" PRIu64 "?format=pprof", snapshot->id);
	json__open_map(json);
	json__member_number(json, "id", snapshot->id);
	json__member(json, "kind", snapshot->kind->name);
	json__member(json, "query", snapshot->query);
	json__member_number(json, "taken_ms", snapshot->time_ns / 1000000);
	json__member_number(json, "duration_ms", snapshot->duration_ns / 1000000);
	json__member_number(json, "bytes", snapshot->size);
	json__member(json, "title", snapshot->title);
	json__member(json, "pprof", path);
	json__close_map(json);
}

char *snapshot_list__entry(const struct snapshot *snapshot, size_t *size)
{
	struct writing writing = {};

	if (!begin(&writing))
		put_entry(writing.json, snapshot);
	return end(&writing, size);
}

static void put_all(struct json *json, const struct snapshots *snapshots)
{
	json__open_map(json);
	json__member_array(json, "snapshots");
	for (size_t i = 0; i < snapshots__count(snapshots); i++)
		put_entry(json, snapshots__at(snapshots, i));
	json__close_array(json);
	json__member_number(json, "bytes", snapshots__bytes(snapshots));
	json__member_number(json, "max_bytes", SNAPSHOTS_BYTES_MAX);
	json__member_number(json, "max_count", SNAPSHOTS_MAX);
	json__close_map(json);
}

char *snapshot_list__all(const struct snapshots *snapshots, size_t *size)
{
	struct writing writing = {};

	if (!begin(&writing))
		put_all(writing.json, snapshots);
	return end(&writing, size);
}
