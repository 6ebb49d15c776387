/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXOPROF_WORKER_FIGURES_H
#define EXOPROF_WORKER_FIGURES_H

#include <stddef.h>
#include <stdint.h>

#include "symbol/worker_source.h"

/* How a worker ended. */
enum worker_end {
	WORKER_DIED,
	WORKER_HUNG,      /* gave no answer in time */
	WORKER_MALFORMED, /* gave one that is none */
	WORKER_ENDS
};

struct worker_figures {
	uint64_t ends[WORKER_ENDS];
	enum worker_end last;
	size_t open_files, bytes; /* as the worker says */
	struct worker_usage usage;
};

#endif
