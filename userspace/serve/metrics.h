/* SPDX-License-Identifier: Apache-2.0 */
/* Figures of exoprof itself, for Prometheus to scrape. */
#ifndef EXOPROF_METRICS_H
#define EXOPROF_METRICS_H

#include "agent.h"

/* In Prometheus' text format, version 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats).
 * malloc()ed, the caller's; NULL where memory is short. */
char *metrics__text(struct agent *agent, size_t *size);

#endif
