/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXOPROF_WORKER_FIGURES_H
#define EXOPROF_WORKER_FIGURES_H

#include <stddef.h>

#include "reader/worker_ends.h"
#include "reader/worker_source.h"

struct worker_figures {
	struct worker_ends ends;
	size_t open_files, bytes; /* as the worker says */
	struct worker_usage usage;
};

#endif
