/* SPDX-License-Identifier: Apache-2.0 */
/* What a thread of exoprof may still do once it has begun its work: the capabilities that the work
 * takes, no way to gain others, and the system calls that it makes. What it is for is a mistake of
 * exoprof's in reading what a target, a client or a server says. */
#ifndef EXOPROF_SANDBOX_H
#define EXOPROF_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

enum sandbox_role {
	SANDBOX_FETCH, /* the first, so that threads which its libraries start count as it */
	SANDBOX_MAIN,
	SANDBOX_HTTP,
	SANDBOX_COLLECT,
	SANDBOX_NAMES,
	SANDBOX_WATCH,
	SANDBOX_LINKS,
	SANDBOX_ROLES
};

/* What some work takes beyond that of its role; any of them together. */
enum sandbox_extra {
	SANDBOX_NO_EXTRA = 0,
	SANDBOX_CHILD = 1,       /* main: looks after a command that exoprof has started */
	SANDBOX_PERF_EVENTS = 2, /* collect: perf events that take CAP_SYS_ADMIN */
	SANDBOX_STOPPING = 4,    /* collect: stops targets, and writes to their memory */
};

/* A call that is refused fails with EPERM, is counted, and told of once a thread. */
struct sandbox_figures {
	bool is_off;         /* by EXOPROF_SANDBOX=off in the environment */
	uint64_t unfiltered; /* threads that may make any system call all the same */
	uint64_t refused[SANDBOX_ROLES];
};

/* For this thread, for good. It gets its name by it, too. What cannot be done is said, and told by
 * the figures, but does not keep exoprof from its work. */
void sandbox__enter(enum sandbox_role role, enum sandbox_extra extra);

/* The system calls only; no new privileges either. 0 or -errno. */
int sandbox__filter(enum sandbox_role role, enum sandbox_extra extra);

/* Whether the kernel has what filters take. 0 or -errno. */
int sandbox__support(void);

/* Keeps what exoprof will read of its targets out of core dumps, and from other processes of its
 * user. Programs that it executes have theirs again. Says so where the sandbox is off. */
void sandbox__hide_memory(void);

/* As "exoprof-http". */
const char *sandbox__name(enum sandbox_role role);

void sandbox__figures(struct sandbox_figures *figures);

#endif
