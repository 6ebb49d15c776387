/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXOPROF_FOUND_H
#define EXOPROF_FOUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Functions inlined into each other at one address: real ones have some tens. */
#define FOUND_LINES_MAX 256

struct found_line {
	const char *system_name;
	const char *name;         /* for a person; NULL: the same */
	const char *file;         /* NULL: unknown */
	int64_t line, start_line; /* 0: unknown */
};

/* What one file tells of an address, innermost function first. The strings are the module's, and
 * there until it is asked again. */
struct found {
	struct found_line lines[FOUND_LINES_MAX];
	size_t count; /* 0: no name covers it */
	bool tells_inlined;
	uint64_t function_vaddr;
	uint64_t line_vaddr; /* where the line begins that the innermost function is at */
};

#endif
