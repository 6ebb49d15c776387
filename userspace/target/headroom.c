// SPDX-License-Identifier: Apache-2.0
#include "target/headroom.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

static uint64_t left(uint64_t limit, uint64_t used)
{
	return limit > used ? limit - used : 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t headroom__least(const struct headroom *headroom)
{
	uint64_t bytes = UINT64_MAX;

	if (headroom->address_limit != UINT64_MAX)
		bytes = left(headroom->address_limit, headroom->address_bytes);
	if (headroom->data_limit != UINT64_MAX)
		bytes = least(bytes, left(headroom->data_limit, headroom->data_bytes));
	if (headroom->overcommit == 2)
		return least(bytes, left(headroom->commit_limit, headroom->committed_bytes));
	/* Address space ends too, at 128 TiB. */
	return least(bytes, headroom->total_bytes);
}

static void read_limit(const char *line, const char *name, uint64_t *limit)
{
	size_t length = strlen(name);

	if (strncmp(line, name, length))
		return;
	/* The soft limit comes first. */
	if (sscanf(line + length, "%" SCNu64, limit) != 1)
		*limit = UINT64_MAX;
}

void headroom__read_limits(struct headroom *headroom, FILE *limits)
{
	char line[256];

	while (fgets(line, sizeof(line), limits)) {
		read_limit(line, "Max address space", &headroom->address_limit);
		read_limit(line, "Max data size", &headroom->data_limit);
	}
}

/* "Name:   123 kB" */
static void read_kib(const char *line, const char *name, uint64_t *bytes)
{
	size_t length = strlen(name);
	uint64_t kib;

	if (!strncmp(line, name, length) && line[length] == ':' &&
	    sscanf(line + length + 1, "%" SCNu64, &kib) == 1)
		*bytes = kib << 10;
}

void headroom__read_status(struct headroom *headroom, FILE *status)
{
	char line[256];

	while (fgets(line, sizeof(line), status)) {
		read_kib(line, "VmSize", &headroom->address_bytes);
		read_kib(line, "VmData", &headroom->data_bytes);
	}
}

void headroom__read_meminfo(struct headroom *headroom, FILE *meminfo)
{
	uint64_t swap_bytes = 0;
	char line[256];

	while (fgets(line, sizeof(line), meminfo)) {
		read_kib(line, "MemTotal", &headroom->total_bytes);
		read_kib(line, "SwapTotal", &swap_bytes);
		read_kib(line, "CommitLimit", &headroom->commit_limit);
		read_kib(line, "Committed_AS", &headroom->committed_bytes);
	}
	headroom->total_bytes += swap_bytes;
}

static bool read_file(struct headroom *headroom, const char *path,
		      void (*read)(struct headroom *headroom, FILE *in))
{
	FILE *in = fopen(path, "re");

	if (!in)
		return false;
	read(headroom, in);
	fclose(in);
	return true;
}

static void read_overcommit(struct headroom *headroom, FILE *in)
{
	/* The strictest where it is unknown. */
	if (fscanf(in, "%u", &headroom->overcommit) != 1)
		headroom->overcommit = 2;
}

uint64_t headroom__bytes(pid_t pid)
{
	struct headroom headroom = {};
	char limits[64], status[64];

	snprintf(limits, sizeof(limits), "/proc/%d/limits", pid);
	snprintf(status, sizeof(status), "/proc/%d/status", pid);
	if (!read_file(&headroom, limits, headroom__read_limits) ||
	    !read_file(&headroom, status, headroom__read_status) ||
	    !read_file(&headroom, "/proc/meminfo", headroom__read_meminfo) ||
	    !read_file(&headroom, "/proc/sys/vm/overcommit_memory", read_overcommit))
		return 0;
	return headroom__least(&headroom);
}
