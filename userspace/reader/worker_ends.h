/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXOPROF_WORKER_ENDS_H
#define EXOPROF_WORKER_ENDS_H

#include <stdint.h>

/* How a worker ended. */
enum worker_end {
	WORKER_DIED,
	WORKER_HUNG,      /* gave no answer in time */
	WORKER_MALFORMED, /* gave one that is none */
	WORKER_ENDS
};

/* Of all workers of a kind that did not end because they were not needed any more. */
struct worker_ends {
	uint64_t counts[WORKER_ENDS];
	enum worker_end last;
};

#endif
