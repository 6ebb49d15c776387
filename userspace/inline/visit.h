/* SPDX-License-Identifier: Apache-2.0 */
/* What stops a process to change it (installation.h), by threads that end right after each: the
 * kernel lets go then of what is traced still, whoever has been killed or is stuck. By any thread
 * that may make another one. */
#ifndef EXOPROF_VISIT_H
#define EXOPROF_VISIT_H

#include "inline/installation.h"

/* As of installation__new(). 0 or -errno. */
int visit__map(pid_t pid, const struct plan *plan, const struct maps *maps, uint64_t heap_rate,
	       struct installation **installation);

/* As of installation__activate(), installation__deactivate(). */
int visit__activate(struct installation *installation);
int visit__deactivate(struct installation *installation);

/* As of installation__unmap(); for some seconds a thread may be in it. */
int visit__unmap(struct installation *installation);

#endif
