/* SPDX-License-Identifier: Apache-2.0 */
/* The page at /debug/pprof/: what is attached, and what can be asked for. */
#ifndef EXOPROF_INDEX_H
#define EXOPROF_INDEX_H

#include "agent.h"
#include "profile/kind.h"

/* The page as HTML, malloc()ed; NULL where memory is short. `kinds` ends with NULL. */
char *index__html(struct agent *agent, const struct profile_kind *const *kinds, size_t *size);

#endif
