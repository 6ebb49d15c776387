/* SPDX-License-Identifier: Apache-2.0 */
/* Whether code may be put into a process at all. */
#ifndef EXOPROF_CONSENT_H
#define EXOPROF_CONSENT_H

#include <stdbool.h>
#include <sys/types.h>

/* Why not, in a few words, a constant; NULL: it may. By what /proc/PID/status says now. */
const char *consent__refusal(pid_t pid);

/* Whether that thread of it may not make each system call. */
bool consent__is_filtered(pid_t pid, pid_t tid);

/* The same of that text; for tests. */
const char *consent__refusal_in(const char *status);

#endif
