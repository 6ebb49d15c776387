/* SPDX-License-Identifier: Apache-2.0 */
/* Which system calls a thread makes, as filters for libseccomp. */
#ifndef EXOPROF_CALLS_H
#define EXOPROF_CALLS_H

#include <seccomp.h>

#include "privilege/sandbox.h"

/* Allows what the work takes, beyond what the filter does already. 0 or -errno. */
int calls__allow(scmp_filter_ctx filter, enum sandbox_role role, enum sandbox_extra extra);

#endif
