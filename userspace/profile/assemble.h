/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and counts become a profile: names are looked up, values scaled, losses put into words.
 */
#ifndef EXOPROF_ASSEMBLE_H
#define EXOPROF_ASSEMBLE_H

#include "collect/samples.h"
#include "profile/kind.h"
#include "profile/profile.h"
#include "symbol/symbolizer.h"

/* `comm` and `pid` are the target's. NULL with errno set. The profile is the caller's. */
const struct profile *profile__assemble(const struct samples *samples,
					const struct profile_kind *kind, const char *comm, int pid,
					struct symbolizer *symbolizer);

#endif
