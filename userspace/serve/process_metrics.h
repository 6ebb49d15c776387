/* SPDX-License-Identifier: Apache-2.0 */
/* The figures of exoprof's own process that every client library of Prometheus has
 * (prometheus.io/docs/instrumenting/writing_clientlibs, "Process metrics"). */
#ifndef EXOPROF_PROCESS_METRICS_H
#define EXOPROF_PROCESS_METRICS_H

#include <stdio.h>

/* What cannot be read is left out. */
void process_metrics__write(FILE *out);

#endif
