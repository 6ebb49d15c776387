/* SPDX-License-Identifier: Apache-2.0 */
/* Figures of exoprof itself, for Prometheus to scrape, named by its rules
 * (prometheus.io/docs/practices/naming). */
#ifndef EXOPROF_METRICS_H
#define EXOPROF_METRICS_H

#include "agent.h"
#include "serve/request_counts.h"

/* In Prometheus' text format. `in_flight`: requests whose profile is being taken. malloc()ed, the
 * caller's; NULL where memory is short. */
char *metrics__text(const struct agent_figures *figures, const struct request_counts *counts,
		    unsigned int in_flight, size_t *size);

#endif
