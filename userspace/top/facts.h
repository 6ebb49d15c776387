/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says of a process while it is watched: its age, its threads, its CPU time. */
#ifndef EXOPROF_TOP_FACTS_H
#define EXOPROF_TOP_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "target/process.h"

struct facts {
	char comm[PROCESS_COMM_BYTES];
	pid_t pid;
	bool is_alive;
	int64_t age_s;
	int threads;
	double cpu_share; /* of one CPU, since the last look; < 0: not known yet */

	int64_t looked_ns, cpu_ns; /* as of the last look */
};

/* Looks. What is not known any more, of a process that is gone, stays as it was. */
void facts__look(struct facts *facts, const struct process *process);

#endif
