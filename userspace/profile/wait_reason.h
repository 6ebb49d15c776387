/* SPDX-License-Identifier: Apache-2.0 */
/* Why a thread is off the CPU, in a word, by what it was seen to do there. */
#ifndef EXOPROF_WAIT_REASON_H
#define EXOPROF_WAIT_REASON_H

#include <linux/types.h>
#include <stdbool.h>

#include "wire.h"

/* "sleep", "io", "poll", "lock", ... by the system call; "futex" where that alone does not tell. */
const char *wait_reason__of_call(const struct wire_wait *wait);

/* Of a futex, by the name of a function that waits on it: "lock", "condition", ...; NULL: it tells
 * nothing. To be asked from the innermost function on. */
const char *wait_reason__of_function(const char *name);

/* "running", "runnable", "sleeping", ... as ps(1) and proc(5) call them. */
const char *wait_reason__state(const struct wire_wait *wait, bool is_running);

#endif
