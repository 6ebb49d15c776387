/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and counts become a profile: names are looked up, values scaled, losses put into words.
 */
#ifndef EXOPROF_ASSEMBLE_H
#define EXOPROF_ASSEMBLE_H

#include "collect/samples.h"
#include "profile/kind.h"
#include "profile/profile.h"
#include "symbol/symbolizer.h"

/* Whose profile it is. */
struct profile_subject {
	char comm[16]; /* of the first process, as is the pid */
	int pid;
	const char *command; /* its arguments; NULL: not known */
	bool many;           /* there may be others: samples say of which process they are */
};

/* The name of an instruction's address, by `maps` (may be NULL), or of the kernel's. 0, or -ENOENT:
 * it has none. Valid until the symbolizer is asked again. */
int profile__name(struct symbolizer *symbolizer, const struct maps *maps, uint64_t address,
		  struct symbol_answer *answer);

/* Says that profile__name() will be asked for it, before symbolizer__look_up(). */
void profile__expect(struct symbolizer *symbolizer, const struct maps *maps, uint64_t address);

/* NULL with errno set. The profile is the caller's. */
const struct profile *profile__assemble(const struct samples *samples,
					const struct profile_kind *kind,
					const struct profile_subject *subject,
					struct symbolizer *symbolizer);

#endif
