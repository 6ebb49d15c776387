/* SPDX-License-Identifier: Apache-2.0 */
/* What a profile comes to by function, as plain bytes: they go from the thread that has the profile
 * to the one that shows it. */
#ifndef EXOPROF_TOP_TALLY_H
#define EXOPROF_TOP_TALLY_H

#include <stdint.h>
#include <stdio.h>

#include "export/export.h"
#include "profile/profile.h"

/* Functions of one name are one, as in pprof's own lists; one that is inlined is one of its own. */
struct tally_row {
	int64_t self;  /* of samples that were in it */
	int64_t total; /* of those that had it in their stacks, however often it recurs */
	uint32_t name; /* see tally__name() */
	uint32_t kind; /* enum frame_kind; where the name has several, the greatest */
};

struct tally {
	int64_t total; /* of all samples */
	int64_t time_ns, duration_ns;
	struct profile_outcome outcome;
	char unit[16]; /* of all values: "nanoseconds" */
	uint32_t row_count;
	struct tally_row rows[];
};

/* The values are those of the profile's shown type. 0 or -errno. */
int tally__write(const struct profile *profile, FILE *out);

const char *tally__name(const struct tally *tally, const struct tally_row *row);

/* The above as one of the agent's formats. */
extern const struct format tally_format;

#endif
