/* SPDX-License-Identifier: Apache-2.0 */
/* Finds processes by what others call them. */
#ifndef EXOPROF_FIND_H
#define EXOPROF_FIND_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct found {
	pid_t *pids; /* ascending */
	size_t count, capacity;
};

void found__release(struct found *found); /* all zero is fine */

/* The processes of that name (comm, proc(5)), without kernel threads and exoprof itself; with
 * `heads_only`, without those that descend from another one. `found` is all zero before. 0 or
 * -errno.
 */
int find__by_name(const char *name, bool heads_only, struct found *found);

/* The same of a systemd unit's processes (proc__is_of_unit). */
int find__by_unit(const char *unit, bool heads_only, struct found *found);

/* The children of a process, and theirs. `found` is all zero before. 0 or -errno. */
int find__descendants(pid_t pid, struct found *found);

/* The pid here of the process that has the pid `inner` in the innermost pid namespace of process
 * `of`. -ESRCH where there is no process `of`, -ENOENT where its namespace has no such pid, or what
 * the kernel said. */
pid_t find__in_namespace(pid_t inner, pid_t of);

#endif
