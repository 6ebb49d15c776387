/* SPDX-License-Identifier: Apache-2.0 */
/* The page at /debug/pprof/: what is attached, and what can be asked for. */
#ifndef EXOPROF_INDEX_H
#define EXOPROF_INDEX_H

#include "agent.h"

/* The page as HTML, malloc()ed; NULL where memory is short. */
char *index__html(struct agent *agent, size_t *size);

#endif
