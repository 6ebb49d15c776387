/* SPDX-License-Identifier: Apache-2.0 */
/* The secrets by which clients are let in. */
#ifndef EXOPROF_TOKENS_H
#define EXOPROF_TOKENS_H

#include <stdbool.h>
#include <stddef.h>

struct tokens;

/* Of a file with one a line. Read once, so that nobody who changes the file later gets in; to
 * change a token without a gap the file has the old and the new one for a while. NULL with the
 * reason in `why`. */
struct tokens *tokens__read(const char *file, char *why, size_t why_size);

/* NULL is fine. */
void tokens__free(struct tokens *tokens);

/* Whether an Authorization header has one of them: as Bearer (RFC 6750), or as the password of any
 * user (RFC 7617), which is what a URL can have in it, and what browsers ask for. */
bool tokens__admit(const struct tokens *tokens, const char *header, size_t length);

#endif
