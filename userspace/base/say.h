/* SPDX-License-Identifier: Apache-2.0 */
/* What exoprof says to the person at the terminal: one line, on stderr, with its name in front. */
#ifndef EXOPROF_SAY_H
#define EXOPROF_SAY_H

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, as the last word: gives EXIT_FAILURE. */
int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
