/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXOPROF_GUNZIP_H
#define EXOPROF_GUNZIP_H

#include <stdbool.h>
#include <stddef.h>

/* Whether it begins as gzip does (RFC 1952, 2.3.1). */
bool gunzip__is(const unsigned char *bytes, size_t size);

/* Inflates all members, up to zeros behind the last one; `out` is the caller's. 0, or -EBADMSG:
 * damaged, -EFBIG: more than `most` bytes come out, -ENOMEM. */
int gunzip(const unsigned char *bytes, size_t size, size_t most, unsigned char **out,
	   size_t *out_size);

#endif
