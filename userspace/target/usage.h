/* SPDX-License-Identifier: Apache-2.0 */
/* What a process uses of the machine. */
#ifndef EXOPROF_USAGE_H
#define EXOPROF_USAGE_H

#include "target/process.h"

/* What the last look has seen. */
struct usage_meter {
	int64_t cpu_ns;     /* all that it had by then; -1: unknown */
	int64_t started_ms; /* when the process did, since the epoch; 0: unknown */
};

struct usage {
	int64_t cpu_ns; /* since the last look; -1: unknown */
	uint64_t rss_bytes;
	uint32_t threads;
};

/* The first look. */
void usage__begin(struct usage_meter *meter, const struct process *process);

/* Looks again. 0, or -errno with nothing told, and no CPU time by the next look: -ESRCH where the
 * process is gone. */
int usage__look(struct usage_meter *meter, const struct process *process, struct usage *usage);

#endif
