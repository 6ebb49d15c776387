/* SPDX-License-Identifier: Apache-2.0 */
/* What comes behind the '?'. Pure. */
#ifndef EXOPROF_QUERY_H
#define EXOPROF_QUERY_H

#include <stdbool.h>
#include <stddef.h>

/* Finds a parameter of an application/x-www-form-urlencoded query, the first if there are several,
 * and puts its decoded value, cut to fit, into `value`. False where there is none. */
bool query__get(const char *query, size_t length, const char *name, char *value, size_t size);

/* A decimal integer as Go's strconv.ParseInt takes it: a sign perhaps, digits, nothing else; out of
 * range counts as none. */
bool query__integer(const char *text, long *value);

#endif
