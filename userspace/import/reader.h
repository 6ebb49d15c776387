/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of single formats share. */
#ifndef EXOPROF_IMPORT_READER_H
#define EXOPROF_IMPORT_READER_H

#include <stdbool.h>

#include "profile/builder.h"

struct reading {
	const unsigned char *bytes;
	size_t size;
	const char *sample_index; /* NULL: none is asked for */
	struct profile_builder *builder;
	char *why;
	uint64_t frame_count; /* in the stacks so far */
};

/* Puts into words what is wrong. -EBADMSG. */
int reading__refuse(struct reading *reading, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* To be told of each stack, before it is copied: there is a limit to the frames of all. 0 or
 * -errno.
 */
int reading__count_frames(struct reading *reading, uint64_t count);

struct type_names {
	const char *type, *unit;
};

/* Says which types there are; shown is the one that is asked for, else `fallback`. */
int reading__types(struct reading *reading, const struct type_names *types, size_t count,
		   size_t fallback);

/* The kind of a frame that only a name tells of. */
enum frame_kind reading__kind_of_name(const char *name);

/* Each puts all of `reading->bytes` into the builder. 0 or -errno. */
int read_pprof(struct reading *reading);
int read_folded(struct reading *reading);
int read_speedscope(struct reading *reading);

#endif
