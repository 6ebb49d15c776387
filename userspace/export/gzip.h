/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXOPROF_GZIP_H
#define EXOPROF_GZIP_H

#include <stddef.h>
#include <stdio.h>

/* Writes the bytes as one gzip member, with no name or time in its header. 0 or -errno. */
int gzip__write(FILE *out, const void *bytes, size_t size);

#endif
