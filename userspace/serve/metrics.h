/* SPDX-License-Identifier: Apache-2.0 */
/* Figures of exoprof itself, for Prometheus to scrape, named by its rules
 * (prometheus.io/docs/practices/naming). */
#ifndef EXOPROF_METRICS_H
#define EXOPROF_METRICS_H

#include "agent.h"
#include "serve/connections.h"
#include "serve/process_metrics.h"
#include "serve/request_counts.h"

struct serving_figures {
	const struct request_counts *counts;
	const struct process_metrics *process;
	unsigned int in_flight; /* requests whose profile is being taken */
	size_t snapshots, snapshot_bytes;
	struct connections_figures connections;
};

/* In Prometheus' text format, malloc()ed, the caller's; NULL where memory is short. */
char *metrics__text(const struct agent_figures *figures, const struct serving_figures *serving,
		    size_t *size);

#endif
