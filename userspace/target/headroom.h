/* SPDX-License-Identifier: Apache-2.0 */
/* How much more memory a process can ask for without being refused. */
#ifndef EXOPROF_HEADROOM_H
#define EXOPROF_HEADROOM_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* Bytes, by the process's limits (RLIMIT_AS, RLIMIT_DATA) and by what the kernel commits itself to
 * (Documentation/mm/overcommit-accounting.rst). A cgroup's limit is none of these: it ends a
 * process, it does not refuse. 0 where it cannot be found out. */
uint64_t headroom__bytes(pid_t pid);

/* What follows is the parts of it, declared for tests. */

struct headroom {
	uint64_t address_limit, data_limit; /* UINT64_MAX: unlimited */
	uint64_t address_bytes, data_bytes; /* in use */
	uint64_t total_bytes;               /* memory and swap of the machine */
	uint64_t commit_limit, committed_bytes;
	unsigned int overcommit; /* 0: what is obviously too much is refused; 1: nothing is; 2: what
				  * is beyond commit_limit is */
};

uint64_t headroom__least(const struct headroom *headroom);

/* From the texts of /proc/PID/limits, /proc/PID/status and /proc/meminfo (proc(5)). What is not in
 * them stays as it is. */
void headroom__read_limits(struct headroom *headroom, FILE *limits);
void headroom__read_status(struct headroom *headroom, FILE *status);
void headroom__read_meminfo(struct headroom *headroom, FILE *meminfo);

#endif
