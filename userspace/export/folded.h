/* SPDX-License-Identifier: Apache-2.0 */
/* The samples of a profile, folded: stacks of names instead of locations, inlined functions spelled
 * out, equal stacks merged. What the folded format writes and the flame graph draws. */
#ifndef EXOPROF_FOLDED_H
#define EXOPROF_FOLDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profile/profile.h"

#define FRAME_NAMES_MAX (1u << 28)
/* Of all stacks: a diff has those of two files. */
#define FRAMES_MAX      (UINT64_C(2) * PROFILE_FRAMES_MAX)

struct frame {
	uint32_t name : 28; /* an index into folded.names */
	uint32_t kind : 4;  /* enum frame_kind */
};

struct stack {
	struct frame *frames; /* root first */
	uint32_t depth;       /* at least 1 */
	int64_t value;        /* at least 1; of a diff perhaps 0, but then not the next one */
	int64_t base;         /* of a diff, what it is compared with; else 0 */
};

struct folded {
	const char **names;   /* sorted bytewise, so that an index compares as the name */
	const char **modules; /* of each: the name of the file it is in, without folders, or "" */
	struct stack *stacks; /* distinct, sorted by their names from the root on */
	size_t stack_count;
	int64_t total;
	bool is_diff; /* some samples are to be compared with */
	int64_t base_total;

	/* What the above points into. */
	struct frame *frames;
	char **copies;
	size_t copy_count;
};

/* How many frames the stacks of all samples have; more than FRAMES_MAX where that is too many. */
uint64_t folded__count_frames(const struct profile *profile);

enum folded_names {
	FOLDED_NAMES_AS_THEY_ARE, /* once for each module that has one of that name */
	FOLDED_NAMES_FOR_LINES,   /* once, without ';' and control characters; of no module */
};

/* Folds the samples whose shown value is positive, or negative and to be compared with. NULL with
 * errno set; E2BIG where there are more than FRAMES_MAX frames. The names are the profile's: the
 * profile must outlive what comes back. */
struct folded *folded__new(const struct profile *profile, enum folded_names names);
void folded__free(struct folded *folded); /* NULL is fine */

#endif
