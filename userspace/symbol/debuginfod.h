/* SPDX-License-Identifier: Apache-2.0 */
/* Fetches debug files from the servers that DEBUGINFOD_URLS names, on a thread of its own: who asks
 * is told at once whether a file has arrived, and never waits. The client is elfutils' own, with
 * its cache; it is loaded when it is wanted, since it brings libcurl and some thirty libraries with
 * it that most runs do without. */
#ifndef EXOPROF_DEBUGINFOD_H
#define EXOPROF_DEBUGINFOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct debuginfod;

struct debuginfod_options {
	int64_t time_max_ms;     /* for one file, whatever the server does; 0: five minutes */
	uint64_t size_max_bytes; /* of one file; 0: 2 GiB */
};

/* NULL with errno set; ENOENT where no client library is installed. */
struct debuginfod *debuginfod__start(const struct debuginfod_options *options);

/* Gives up what is under way, which takes a second at most. NULL is fine. */
void debuginfod__stop(struct debuginfod *debuginfod);

/* The debug file with this build ID (hex) if it has arrived: an fd, the caller's, with its path in
 * `path`, malloc()ed. Else it is asked for, and -EAGAIN; -ENOENT where the servers have been asked
 * in the last ten minutes and have none; -ENOBUFS where so many are waited for that it was not. */
int debuginfod__find(struct debuginfod *debuginfod, const char *build_id, char **path);

struct debuginfod_figures {
	uint64_t arrived, failed; /* what was asked of the servers */
	size_t waiting;           /* to be asked for, or being fetched */
};

/* By any thread. */
void debuginfod__figures(struct debuginfod *debuginfod, struct debuginfod_figures *figures);

/* Whether debuginfod__find() would give a file now. */
bool debuginfod__has_arrived(struct debuginfod *debuginfod, const char *build_id);

/* What arrived is no good: for ten minutes it is not there. */
void debuginfod__reject(struct debuginfod *debuginfod, const char *build_id);

#endif
