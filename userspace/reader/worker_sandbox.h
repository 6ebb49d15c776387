/* SPDX-License-Identifier: Apache-2.0 */
/* What the processes that read the targets' files give up before they see the first byte. */
#ifndef EXOPROF_WORKER_SANDBOX_H
#define EXOPROF_WORKER_SANDBOX_H

#include <stddef.h>

/* All descriptors but these, which become the first behind the standard ones, whose place /dev/null
 * takes. Gives their new numbers. */
void worker_sandbox__keep_only(int *fds, size_t count);

/* All capabilities, and where that is permitted the user: nobody's. For good, and for all that is
 * started from here. No core is written, and nobody may look into the process. */
void worker_sandbox__drop_rights(void);

/* Ends with the process that has started it, which is `parent`. After the above, which would undo
 * it. */
void worker_sandbox__end_with(int parent);

/* What a worker's work takes beyond reading and mapping what is open, memory, the time, and talking
 * to who asks. */
struct worker_needs {
	size_t data_bytes; /* RLIMIT_DATA: beyond it malloc() fails */
	unsigned int descriptors;
	const int *calls; /* numbers (sys/syscall.h) */
	size_t call_count;
	const int *trapped; /* raise SIGSYS, which somebody answers */
	size_t trapped_count;
	const int *denied; /* fail: ENOENT */
	size_t denied_count;
};

/* All the rest: another system call ends the process. 0 or -errno. */
int worker_sandbox__shut(const struct worker_needs *needs);

#endif
