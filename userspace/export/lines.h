/* SPDX-License-Identifier: Apache-2.0 */
/* What the formats of text lines share. */
#ifndef EXOPROF_LINES_H
#define EXOPROF_LINES_H

#include <stdio.h>

#include "profile/profile.h"

/* Names come from the target's files: they break no line, and none is so long that readers give up
 * on its line (Go's bufio.Scanner does at 64 KiB). */
void lines__put_text(const char *text, FILE *out);

/* The profile's comments, each behind a '#'. */
void lines__put_comments(const struct profile *profile, FILE *out);

/* The sample's label of that name that is a text; NULL: none. */
const char *lines__label(const struct profile *profile, const struct profile_sample *sample,
			 const char *key);

/* 0, or -EIO if something could not be written. */
int lines__end(FILE *out);

#endif
