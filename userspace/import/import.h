/* SPDX-License-Identifier: Apache-2.0 */
/* A file's bytes become a frozen profile: pprof's protobuf, folded stacks, or speedscope's JSON,
 * gzipped or not. They are recognized by what they are, not by a name, and nothing in them is
 * believed: indexes and ids are checked, sizes capped. */
#ifndef EXOPROF_IMPORT_H
#define EXOPROF_IMPORT_H

#include <stddef.h>

#include "profile/profile.h"

/* A file's bytes, and what a gzipped one may grow to. */
#define IMPORT_BYTES_MAX (1u << 30)
#define IMPORT_WHY_BYTES 256

/* The profile is the caller's. `sample_index` names the type to show, or tells its number, as
 * pprof's option does; NULL: the file's own choice. NULL with errno set, and what is wrong with the
 * bytes in `why`. */
const struct profile *import__profile(const void *bytes, size_t size, const char *sample_index,
				      char why[IMPORT_WHY_BYTES]);

/* What a file of ours does not tell, but whoever has kept it knows. */
struct import_facts {
	const char *title;
	const char *kind;
	struct profile_outcome outcome;
};

/* The same, with facts that are known from elsewhere; NULL: none are. */
const struct profile *import__kept(const void *bytes, size_t size, const char *sample_index,
				   const struct import_facts *facts, char why[IMPORT_WHY_BYTES]);

#endif
