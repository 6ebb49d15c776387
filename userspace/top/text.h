/* SPDX-License-Identifier: Apache-2.0 */
/* Names and figures as they go to a terminal or into a log. Pure, but for the locale's encoding. */
#ifndef EXOPROF_TOP_TEXT_H
#define EXOPROF_TOP_TEXT_H

#include <limits.h>
#include <stdint.h>
#include <stdio.h>

#define TEXT_UNCUT  INT_MAX
#define TEXT_FIGURE 24 /* bytes that the following figures take at most */

/* Writes a foreign text in no more columns than these, with an ellipsis for what is cut off. What a
 * terminal might obey or would not show (control characters, those that change the direction of
 * writing or combine, bytes that are no text) becomes '?'. Gives the columns taken. */
int text__put(FILE *out, const char *text, int columns);

/* The same of a function's name: what does not fit is left out of its middle, since those of one
 * C++ template differ at their ends. */
int text__put_name(FILE *out, const char *name, int columns);

/* "0.98s", "12.3MiB", "1234": of nanoseconds, bytes, or anything else. */
void text__value(char figure[TEXT_FIGURE], int64_t value, const char *unit);

/* "12.3%"; "" where it is no share of anything: of differences that go up and down. */
void text__share(char figure[TEXT_FIGURE], int64_t value, int64_t total);

/* "0:07:42", with days in front: "3d 0:07:42". */
void text__age(char figure[TEXT_FIGURE], int64_t seconds);

#endif
