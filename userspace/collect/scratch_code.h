/* SPDX-License-Identifier: Apache-2.0 */
/* A function of a few bytes on a page of exoprof's own, to try a probe on. */
#ifndef EXOPROF_SCRATCH_CODE_H
#define EXOPROF_SCRATCH_CODE_H

#include <stddef.h>

struct scratch_code;

/* `code` is what the function consists of; it is at the beginning of the file. NULL with errno
 * set. */
struct scratch_code *scratch_code__new(const void *code, size_t size);
void scratch_code__free(struct scratch_code *code); /* NULL is fine */

/* The file that it is in, for a probe. */
const char *scratch_code__path(const struct scratch_code *code);

/* How long a call of it takes, the loop around it included: the least of several tries, since what
 * disturbs only ever adds. */
double scratch_code__call_ns(const struct scratch_code *code);

#endif
