/* SPDX-License-Identifier: Apache-2.0 */
/* Two profiles become one that tells what has changed, as pprof's -diff_base has it: the samples of
 * the later one, and those of the earlier one negated, with a label by which they are told apart.
 */
#ifndef EXOPROF_PROFILE_DIFF_H
#define EXOPROF_PROFILE_DIFF_H

#include "profile/profile.h"

struct diff_options {
	const char *title;
	bool normalize; /* the earlier one's values are scaled to the later one's totals */
	enum diff_widths widths;
};

/* Whether they have the same sample types. */
bool profile__comparable(const struct profile *before, const struct profile *after);

/* NULL with errno set; EINVAL where they are not comparable. The profile is the caller's. */
const struct profile *profile__diff(const struct profile *before, const struct profile *after,
				    const struct diff_options *options);

#endif
