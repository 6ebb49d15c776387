/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of one compilation unit, in a fourth of what libdw keeps them in. Pure. */
#ifndef EXOPROF_LINE_ROWS_H
#define EXOPROF_LINE_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINE_ROWS_NO_FILE UINT32_MAX

/* From this address on, up to the next row's. */
struct line_row {
	uint32_t offset; /* from the first row */
	uint32_t file, line;
};

/* Zeroed: one that is empty. */
struct line_rows {
	uint64_t start;
	struct line_row *rows;
	size_t count, capacity;
};

/* To be added by address; of two for the same address the later counts. A row of no file begins
 * what no line covers. 0 or -ENOMEM. */
int line_rows__add(struct line_rows *rows, uint64_t address, uint32_t file, uint32_t line);

/* Gives back what is not needed for further rows. */
void line_rows__trim(struct line_rows *rows);
void line_rows__release(struct line_rows *rows);

/* The row that holds at this address, or NULL. */
const struct line_row *line_rows__find(const struct line_rows *rows, uint64_t address);

#endif
