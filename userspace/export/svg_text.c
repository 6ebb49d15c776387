// SPDX-License-Identifier: Apache-2.0
/* Text of the target is foreign: it is decoded, and written only as what XML can hold. */
#include "export/svg_text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "export/utf8.h"

#define NAME_BYTES 4096
/* The hundredths of more do not fit in 64 bits. */
#define NUMBER_MAX 9e16

struct scale {
	int64_t size;
	const char *unit;
};

/* The greatest first. */
static const struct scale byte_scales[] = {
	{1 << 30, "GiB"},
	{1 << 20, "MiB"},
	{1 << 10, "KiB"},
	{1,       "B"  },
};
static const struct scale time_scales[] = {
	{1000000000, "s" },
	{1000000,    "ms"},
	{1000,       "us"},
	{1,          "ns"},
};

/* What XML forbids, what a terminal or an editor would act on, and what turns the direction of
 * writing, by which one name can be made to look like another. */
static bool is_unprintable(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0x200e ||
	       c == 0x200f || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) ||
	       c == 0xfeff || (c & 0xfffe) == 0xfffe;
}

static uint32_t take_printable(const char **text)
{
	uint32_t c = utf8__take(text);

	return is_unprintable(c) ? UTF8_REPLACEMENT : c;
}

/* Columns of a monospaced font. From Hangul Jamo on a character may be a wide one. */
static uint32_t char_cells(uint32_t c)
{
	return c < 0x1100 ? 1 : 2;
}

static void put_char(uint32_t c, FILE *out)
{
	static const char *const entities[] = {
		['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;", ['\''] = "&#39;",
	};
	char bytes[UTF8_BYTES_MAX];

	if (c < sizeof(entities) / sizeof(entities[0]) && entities[c])
		fputs(entities[c], out);
	else
		fwrite(bytes, 1, utf8__encode(c, bytes), out);
}

static bool fits(const char *text, uint32_t cells)
{
	uint32_t used = 0;

	while (*text && used <= cells)
		used += char_cells(take_printable(&text));
	return used <= cells;
}

void svg__fitting(const char *text, uint32_t cells, FILE *out)
{
	bool whole = fits(text, cells);
	uint32_t left = whole ? cells : cells - 1;

	while (*text) {
		uint32_t c = take_printable(&text);

		if (char_cells(c) > left)
			break;
		left -= char_cells(c);
		put_char(c, out);
	}
	if (!whole)
		fputs("…", out);
}

void svg__text(const char *text, FILE *out)
{
	const char *start = text;

	while (*text && text - start < NAME_BYTES)
		put_char(take_printable(&text), out);
	if (*text)
		fputs("…", out);
}

/* Numbers. No floating point conversion: its decimal point is a matter of locale. */

void svg__hundredths(double number, FILE *out)
{
	int64_t hundredths = number < NUMBER_MAX ? number * 100 + 0.5 : NUMBER_MAX * 100;

	fprintf(out, "%" PRId64 ".%02d", hundredths / 100, (int)(hundredths % 100));
}

void svg__thousands(int64_t number, FILE *out)
{
	char digits[24];
	int length = snprintf(digits, sizeof(digits), "%" PRId64, number), i;

	for (i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			putc(',', out);
		putc(digits[i], out);
	}
}

static void put_scaled(int64_t value, const struct scale *scale, FILE *out)
{
	int64_t whole, hundredths;

	while (value < scale->size && scale->size > 1)
		scale++;
	whole = value / scale->size;
	hundredths = (value % scale->size * 100 + scale->size / 2) / scale->size;
	svg__thousands(whole + hundredths / 100, out);
	if (scale->size > 1)
		fprintf(out, ".%02d", (int)(hundredths % 100));
	fprintf(out, " %s", scale->unit);
}

void svg__time(int64_t ns, FILE *out)
{
	put_scaled(ns, time_scales, out);
}

void svg__value(int64_t value, const char *unit, FILE *out)
{
	if (strcmp(unit, "bytes") == 0) {
		put_scaled(value, byte_scales, out);
	} else if (strcmp(unit, "nanoseconds") == 0) {
		put_scaled(value, time_scales, out);
	} else {
		svg__thousands(value, out);
		if (*unit && strcmp(unit, "count") != 0) {
			putc(' ', out);
			svg__text(unit, out);
		}
	}
}
