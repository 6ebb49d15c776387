// SPDX-License-Identifier: Apache-2.0
#include "serve/request_counts.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

struct request_counts {
	struct request_count *pairs; /* sorted */
	size_t count, capacity;
};

struct request_counts *request_counts__new(void)
{
	return calloc(1, sizeof(struct request_counts));
}

void request_counts__free(struct request_counts *counts)
{
	if (!counts)
		return;
	free(counts->pairs);
	free(counts);
}

static int compare(const struct request_count *pair, const char *path, int code)
{
	int order = strcmp(pair->path, path);

	return order ? order : (pair->code > code) - (pair->code < code);
}

void request_counts__add(struct request_counts *counts, const char *path, int code)
{
	struct request_count added = {.path = path, .code = code, .count = 1};
	size_t at = 0;

	while (at < counts->count && compare(&counts->pairs[at], path, code) < 0)
		at++;
	if (at < counts->count && !compare(&counts->pairs[at], path, code)) {
		counts->pairs[at].count++;
		return;
	}
	if (array_append(&counts->pairs, &counts->count, &counts->capacity, added))
		return;
	memmove(&counts->pairs[at + 1], &counts->pairs[at],
		(counts->count - 1 - at) * sizeof(added));
	counts->pairs[at] = added;
}

const struct request_count *request_counts__all(const struct request_counts *counts, size_t *count)
{
	*count = counts->count;
	return counts->pairs;
}
