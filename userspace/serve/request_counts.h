/* SPDX-License-Identifier: Apache-2.0 */
/* How many requests were answered, by path and status code. Of the event loop's thread. */
#ifndef EXOPROF_REQUEST_COUNTS_H
#define EXOPROF_REQUEST_COUNTS_H

#include <stddef.h>
#include <stdint.h>

struct request_counts;

struct request_count {
	const char *path; /* of the route, "other" where there is none: so there are never many */
	int code;
	uint64_t count;
};

struct request_counts *request_counts__new(void); /* NULL with errno set */
void request_counts__free(struct request_counts *counts);

/* One more; `path` is kept, not copied. Where memory is short a new pair is not counted. */
void request_counts__add(struct request_counts *counts, const char *path, int code);

/* All pairs that there were, sorted by path and code. */
const struct request_count *request_counts__all(const struct request_counts *counts, size_t *count);

#endif
