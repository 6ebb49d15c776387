/* SPDX-License-Identifier: Apache-2.0 */
/* One profile, waited for: what the commands that write files need of the agent. */
#ifndef EXOPROF_TAKING_H
#define EXOPROF_TAKING_H

#include "agent.h"

struct taking;

/* Asks the agent for a profile. NULL with errno set. */
struct taking *taking__start(struct agent *agent, const struct agent_request *request);

/* Readable (POLLIN) once the answer is there. */
int taking__fd(const struct taking *taking);

/* Cuts it short; what was collected until now is the answer. */
void taking__end_now(struct taking *taking);

/* Waits for the answer and gives it: 0 with the bytes, the caller's to free, or -errno. The taking
 * is gone then. */
int taking__finish(struct taking *taking, char **bytes, size_t *size);

#endif
