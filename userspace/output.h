/* SPDX-License-Identifier: Apache-2.0 */
/* A file that a profile goes to. It is opened before the profile is taken, so that a path that
 * cannot be written costs nobody half a minute, and is changed only when there is something to put
 * in. */
#ifndef EXOPROF_OUTPUT_H
#define EXOPROF_OUTPUT_H

#include <stddef.h>

/* An fd, or -errno. "-" is standard output. */
int output__open(const char *path);

/* Replaces the content and closes. 0, or -errno and nothing in it: half a profile is none. */
int output__write(int fd, const char *bytes, size_t size);

/* The same, with a line about how it went. Where it fails no part of it is left at the path. */
int output__save(int fd, const char *path, const char *bytes, size_t size);

/* Closes without a word, and takes away a file that is empty: nothing of anybody's was in it. */
void output__discard(int fd, const char *path);

#endif
