/* SPDX-License-Identifier: Apache-2.0 */
/* How exoprof and its targets do, as JSON for the page. */
#ifndef EXOPROF_STATUS_H
#define EXOPROF_STATUS_H

#include <stddef.h>
#include <stdint.h>

#include "agent.h"
#include "serve/process_metrics.h"

/* To be freed; NULL where memory is short. Of the history only what is after `since_ms`. */
char *status__json(struct agent *agent, const struct process_metrics *own, int64_t since_ms,
		   size_t *size);

#endif
