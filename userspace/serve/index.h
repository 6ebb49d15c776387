/* SPDX-License-Identifier: Apache-2.0 */
/* The page at /debug/pprof/: what is attached, and what can be asked for. */
#ifndef EXOPROF_INDEX_H
#define EXOPROF_INDEX_H

#include "agent.h"

/* The page as HTML, malloc()ed; NULL where memory is short. */
char *index__html(struct agent *agent, size_t *size);

/* How many records a profile of that kind has: stacks, and what else tells rows apart; -1: not
 * known before it is taken. */
int64_t index__count(const struct agent_figures *figures, const struct profile_kind *kind);

#endif
