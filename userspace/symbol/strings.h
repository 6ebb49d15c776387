/* SPDX-License-Identifier: Apache-2.0 */
/* Strings, each kept once, that stay where they are. */
#ifndef EXOPROF_STRINGS_H
#define EXOPROF_STRINGS_H

#include <stddef.h>

/* Of a longer one, as no compiler writes it, so much is kept: C++ templates have some KiB. */
#define STRINGS_LENGTH_MAX 65536

struct strings;

struct strings *strings__new(void);          /* NULL with errno set */
void strings__free(struct strings *strings); /* NULL is fine */

/* The kept copy of that string; NULL where memory is short. */
const char *strings__keep(struct strings *strings, const char *text);

size_t strings__bytes(const struct strings *strings); /* what they take in memory */

#endif
