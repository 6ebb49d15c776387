/* SPDX-License-Identifier: Apache-2.0 */
/* A stub in a process: how it gets there and leaves again. To be used by a thread that ends soon
 * after each of these (see stopped.h). */
#ifndef EXOPROF_INSTALLATION_H
#define EXOPROF_INSTALLATION_H

#include <stdbool.h>

#include "inline/plan.h"

struct installation;

/* Maps what is planned into the process, where nobody executes it yet. NULL with errno set: as of
 * stopped__new(), remote__new() and patches__apply();
 *   ENOSPC	there is no place from where a thread could make the calls
 *   EADDRINUSE	something is mapped by now where there was room
 * or what mmap(2) or memfd_create(2) said there. */
struct installation *installation__new(pid_t pid, const struct plan *plan, const struct maps *maps,
				       uint64_t heap_rate);

/* Forgets it; what is in the process stays as it is. NULL is fine. */
void installation__free(struct installation *installation);

/* The file in memory that the stub's code is mapped from, for probes. */
int installation__fd(const struct installation *installation);

/* From now on the functions lead to it. 0 or -errno, as above, with none of them doing so. */
int installation__activate(struct installation *installation);

/* The functions are as they were. 0 or -errno. */
int installation__deactivate(struct installation *installation);

/* Takes it out of the process's memory, once no thread is in it any more. 0; -EAGAIN: one may be;
 * or -errno. */
int installation__unmap(struct installation *installation);

/* The longest time for which the process was stopped. */
int64_t installation__stopped_ns(const struct installation *installation);

#endif
