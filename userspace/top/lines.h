/* SPDX-License-Identifier: Apache-2.0 */
/* The lines that the screen and the plain form have in common, clean and without their ends. */
#ifndef EXOPROF_TOP_LINES_H
#define EXOPROF_TOP_LINES_H

#include "top/table.h"

/* What heads the columns; the one that is sorted by is marked. */
void lines__put_head(FILE *out, enum top_order order);

/* A function, in no more columns than these. `sums` are those of its table. */
void lines__put_row(FILE *out, const struct top_row *row, const struct top_sums *sums, int columns);

#endif
