// SPDX-License-Identifier: Apache-2.0
/* Text of the target is foreign: it is decoded, and written only as what XML can hold. */
#include "export/svg_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "export/utf8.h"

#define NAME_BYTES 4096
#define UNIT_BYTES 64
#define MARKS_MAX  4
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
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0x61c ||
	       c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069) || c == 0xfeff || (c & 0xfffe) == 0xfffe;
}

/* Marks that go on the character before them, of which any number may follow each other: those for
 * any script, and what else has no width of its own. */
static bool is_mark(uint32_t c)
{
	return (c >= 0x300 && c <= 0x36f) || (c >= 0x483 && c <= 0x489) ||
	       (c >= 0x591 && c <= 0x5bd) || (c >= 0x610 && c <= 0x61a) ||
	       (c >= 0x64b && c <= 0x65f) || (c >= 0x1ab0 && c <= 0x1aff) ||
	       (c >= 0x1dc0 && c <= 0x1dff) || (c >= 0x200b && c <= 0x200d) ||
	       (c >= 0x20d0 && c <= 0x20ff) || (c >= 0xfe00 && c <= 0xfe0f) ||
	       (c >= 0xfe20 && c <= 0xfe2f) || (c >= 0xe0100 && c <= 0xe01ef);
}

static uint32_t take_printable(const char **text)
{
	uint32_t c = utf8__take(text);

	return is_unprintable(c) ? UTF8_REPLACEMENT : c;
}

/* Columns of a monospaced font. From Hangul Jamo on a character may be a wide one. */
static uint32_t char_cells(uint32_t c)
{
	return is_mark(c) ? 0 : c < 0x1100 ? 1 : 2;
}

/* Latin, Greek and Cyrillic: what comes after them is taken from another font, of other widths. */
static bool is_in_any_font(uint32_t c)
{
	return c < 0x530 && !is_mark(c);
}

static const char *entity_of(uint32_t c)
{
	static const char *const entities[] = {
		['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;", ['\''] = "&#39;",
	};

	return c < sizeof(entities) / sizeof(entities[0]) ? entities[c] : NULL;
}

static void put_char(uint32_t c, FILE *out)
{
	const char *entity = entity_of(c);
	char bytes[UTF8_BYTES_MAX];

	if (entity)
		fputs(entity, out);
	else
		fwrite(bytes, 1, utf8__encode(c, bytes), out);
}

/* The part of a text that is drawn. */
struct part {
	const char *end;
	uint32_t cells;
	bool is_whole, is_in_any_font;
};

/* As much as fits. More than MARKS_MAX marks in a row are no writing. */
static struct part part_of(const char *text, uint32_t cells)
{
	struct part part = {.end = text, .is_in_any_font = true};
	uint32_t marks = 0;

	while (*text) {
		uint32_t c = take_printable(&text), more = char_cells(c);

		marks = more ? 0 : marks + 1;
		if (part.cells + more > cells || marks > MARKS_MAX)
			return part;
		part.cells += more;
		part.is_in_any_font &= is_in_any_font(c);
		part.end = text;
	}
	part.is_whole = true;
	return part;
}

uint32_t svg__cells(const char *text, uint32_t most)
{
	struct part part = part_of(text, most);

	return part.is_whole ? part.cells : most;
}

void svg__fitting(const char *text, uint32_t cells, double cell, FILE *out)
{
	struct part part = part_of(text, cells);

	if (!part.is_whole)
		part = part_of(text, cells - 1);
	if (!part.is_in_any_font) {
		fputs(" class=\"foreign\" lengthAdjust=\"spacingAndGlyphs\" textLength=\"", out);
		svg__hundredths(fmax(part.cells + !part.is_whole, 1) * cell, out);
		putc('"', out);
	}
	putc('>', out);
	while (text < part.end)
		put_char(take_printable(&text), out);
	fputs(part.is_whole ? "</text>" : "…</text>", out);
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

/* No honest unit has a character that XML would need an entity for. */
static void put_unit(const char *unit, FILE *out)
{
	const char *start = unit;

	while (*unit && unit - start < UNIT_BYTES) {
		uint32_t c = take_printable(&unit);

		put_char(entity_of(c) ? UTF8_REPLACEMENT : c, out);
	}
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
			put_unit(unit, out);
		}
	}
}
