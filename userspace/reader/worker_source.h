/* SPDX-License-Identifier: Apache-2.0 */
/* Where workers of a kind (reader/nursery.h) come from: one at a time. */
#ifndef EXOPROF_WORKER_SOURCE_H
#define EXOPROF_WORKER_SOURCE_H

#include <stddef.h>

/* Of all kinds of workers, and who starts them. */
struct worker_usage {
	size_t resident_bytes;
	double cpu_seconds; /* of earlier ones, too */
};

struct worker_source {
	/* Ends the one there was, if any; gives the socket of a new one, the caller's, or -errno.
	 */
	int (*start)(void *context);
	void (*end)(void *context);
	void (*usage)(void *context, struct worker_usage *usage);
	void *context;
};

#endif
