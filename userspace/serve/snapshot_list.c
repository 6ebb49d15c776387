// SPDX-License-Identifier: Apache-2.0
#include "serve/snapshot_list.h"

#include <inttypes.h>
#include <stdio.h>

#include "export/json.h"

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
	struct json *json = json__new_text();

	if (json)
		put_entry(json, snapshot);
	return json__end_text(json, size);
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
	struct json *json = json__new_text();

	if (json)
		put_all(json, snapshots);
	return json__end_text(json, size);
}
