/* SPDX-License-Identifier: Apache-2.0 */
/* Prometheus' text format, version 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats).
 * `labels` is what is between the braces, `kind="a"`, or "": texts of our own, nothing to escape.
 */
#ifndef EXOPROF_EXPOSITION_H
#define EXOPROF_EXPOSITION_H

#include <stdint.h>
#include <stdio.h>

/* Before the samples of each family. `type`: "counter" or "gauge". */
void exposition__family(FILE *out, const char *name, const char *type, const char *help);

void exposition__integer(FILE *out, const char *name, const char *labels, uint64_t value);
void exposition__number(FILE *out, const char *name, const char *labels, double value);

/* A family of one sample without labels. */
void exposition__only_integer(FILE *out, const char *name, const char *type, const char *help,
			      uint64_t value);
void exposition__only_number(FILE *out, const char *name, const char *type, const char *help,
			     double value);

#endif
