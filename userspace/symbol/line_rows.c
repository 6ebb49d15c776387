// SPDX-License-Identifier: Apache-2.0
#include "symbol/line_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/search.h"

int line_rows__add(struct line_rows *rows, uint64_t address, uint32_t file, uint32_t line)
{
	struct line_row row = {.file = file, .line = line};
	const struct line_row *last;

	if (!rows->count)
		rows->start = address;
	/* Nothing else is 4 GiB of code long. */
	if (address < rows->start || address - rows->start > UINT32_MAX)
		return 0;
	row.offset = address - rows->start;
	last = rows->count ? &rows->rows[rows->count - 1] : NULL;
	if (last && last->offset > row.offset)
		return 0;
	if (last && last->offset == row.offset)
		last = --rows->count ? last - 1 : NULL;
	if (last && last->file == file && last->line == line)
		return 0;
	return array_append(&rows->rows, &rows->count, &rows->capacity, row);
}

void line_rows__trim(struct line_rows *rows)
{
	struct line_row *trimmed =
		rows->count ? reallocarray(rows->rows, rows->count, sizeof(*rows->rows)) : NULL;

	if (!trimmed)
		return;
	rows->rows = trimmed;
	rows->capacity = rows->count;
}

void line_rows__release(struct line_rows *rows)
{
	free(rows->rows);
	memset(rows, 0, sizeof(*rows));
}

const struct line_row *line_rows__find(const struct line_rows *rows, uint64_t address)
{
	size_t behind;

	if (address < rows->start || address - rows->start > UINT32_MAX)
		return NULL;
	behind = search_lower_bound(i, rows->count, rows->rows[i].offset <= address - rows->start);
	if (!behind || rows->rows[behind - 1].file == LINE_ROWS_NO_FILE)
		return NULL;
	return &rows->rows[behind - 1];
}
