// SPDX-License-Identifier: Apache-2.0
#include "top/lines.h"

#include "top/text.h"

/* Figures and shares, twice, each with a space behind it, and one more before the name. */
#define FIGURE_COLUMNS 10
#define SHARE_COLUMNS  6
#define NAME_COLUMN    (2 * (FIGURE_COLUMNS + 1 + SHARE_COLUMNS + 1) + 1)

void lines__put_head(FILE *out, enum top_order order)
{
	fprintf(out, "%*s %*s %*s %*s  %s", FIGURE_COLUMNS, order == TOP_BY_SELF ? ">SELF" : "SELF",
		SHARE_COLUMNS, "%", FIGURE_COLUMNS, order == TOP_BY_TOTAL ? ">TOTAL" : "TOTAL",
		SHARE_COLUMNS, "%", "FUNCTION");
}

static void put_figures(FILE *out, int64_t value, const struct top_sums *sums)
{
	char figure[TEXT_FIGURE], share[TEXT_FIGURE];

	text__value(figure, value, sums->unit);
	text__share(share, value, sums->total);
	fprintf(out, "%*s %*s ", FIGURE_COLUMNS, figure, SHARE_COLUMNS, share);
}

void lines__put_row(FILE *out, const struct top_row *row, const struct top_sums *sums, int columns)
{
	put_figures(out, row->self, sums);
	put_figures(out, row->total, sums);
	putc(' ', out);
	text__put_name(out, row->name, columns == TEXT_UNCUT ? columns : columns - NAME_COLUMN);
}
