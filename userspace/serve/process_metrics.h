/* SPDX-License-Identifier: Apache-2.0 */
/* The figures of exoprof's own process that every client library of Prometheus has
 * (prometheus.io/docs/instrumenting/writing_clientlibs, "Process metrics"). What tells them is
 * opened once: who asks for them opens no files. */
#ifndef EXOPROF_PROCESS_METRICS_H
#define EXOPROF_PROCESS_METRICS_H

#include <stddef.h>
#include <stdio.h>

struct process_metrics;

struct process_metrics *process_metrics__new(void); /* NULL with errno set */
void process_metrics__free(struct process_metrics *metrics);

/* What cannot be read is left out. */
void process_metrics__write(const struct process_metrics *metrics, FILE *out);

/* The resident set; 0 where it cannot be read. */
size_t process_metrics__resident_bytes(const struct process_metrics *metrics);

#endif
