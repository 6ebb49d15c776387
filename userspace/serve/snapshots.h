/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles that the server keeps for a while, so that they can be looked at in any format and
 * compared. The oldest goes first. Of the event loop's thread; what a snapshot holds may be read by
 * any, for as long as it is held. */
#ifndef EXOPROF_SNAPSHOTS_H
#define EXOPROF_SNAPSHOTS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "profile/kind.h"
#include "profile/profile.h"
#include "target/process.h"

#define SNAPSHOTS_MAX        32
#define SNAPSHOTS_BYTES_MAX  ((size_t)64 << 20)

#define SNAPSHOT_TITLE_BYTES 96
#define SNAPSHOT_QUERY_BYTES 256

struct snapshot {
	uint64_t id;
	const struct profile_kind *kind;
	char query[SNAPSHOT_QUERY_BYTES]; /* what it was asked for with, beside its kind */
	char title[SNAPSHOT_TITLE_BYTES];
	char name[PROCESS_COMM_BYTES]; /* of the process, or the first of them */
	pid_t pid;
	int64_t time_ns, duration_ns;
	struct profile_outcome outcome;
	char *bytes; /* gzipped pprof */
	size_t size;
	unsigned int holders; /* the store is one */
};

struct snapshots;

struct snapshots *snapshots__new(size_t max_count, size_t max_bytes); /* NULL with errno set */
void snapshots__free(struct snapshots *snapshots);                    /* NULL is fine */

/* Keeps a copy of what is described, with `bytes`, which are the store's from then on whether it
 * works or not, and with the next id. NULL with errno set: ENOMEM, or EFBIG where it alone is more
 * than is kept. Valid until the next call. */
const struct snapshot *snapshots__add(struct snapshots *snapshots, const struct snapshot *described,
				      char *bytes, size_t size);

/* NULL where there is none of that id. To be put back. */
struct snapshot *snapshots__hold(struct snapshots *snapshots, uint64_t id);
void snapshot__put(struct snapshot *snapshot); /* NULL is fine */

/* 0 or -ENOENT. */
int snapshots__remove(struct snapshots *snapshots, uint64_t id);

/* Whether there ever was one of that id. */
bool snapshots__has_had(const struct snapshots *snapshots, uint64_t id);

/* The oldest first. */
size_t snapshots__count(const struct snapshots *snapshots);
const struct snapshot *snapshots__at(const struct snapshots *snapshots, size_t i);
size_t snapshots__bytes(const struct snapshots *snapshots);

#endif
