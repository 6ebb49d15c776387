// SPDX-License-Identifier: Apache-2.0
#include "top/text.h"

#include <inttypes.h>
#include <langinfo.h>
#include <stdbool.h>
#include <string.h>
#include <wchar.h>

/* Below that, two halves say less than one beginning. */
#define NAME_HALVES_MIN 20

struct ellipsis {
	const char *text;
	int columns;
};

static struct ellipsis ellipsis(void)
{
	if (!strcmp(nl_langinfo(CODESET), "UTF-8"))
		return (struct ellipsis){"\u2026", 1};
	return (struct ellipsis){"...", 3};
}

struct character {
	const char *bytes;
	size_t size; /* of the text that it stands for */
	int columns;
};

static struct character next_character(const char *text, size_t size)
{
	mbstate_t state = {};
	wchar_t wide;
	size_t length = mbrtowc(&wide, text, size, &state);
	int columns;

	if (!length || length > size)
		return (struct character){"?", 1, 1};
	columns = wcwidth(wide);
	if (columns <= 0)
		return (struct character){"?", length, 1};
	return (struct character){text, length, columns};
}

static bool fits(const char *text, size_t size, int columns)
{
	while (size && columns >= 0) {
		struct character next = next_character(text, size);

		text += next.size;
		size -= next.size;
		columns -= next.columns;
	}
	return columns >= 0;
}

/* As many characters as fit. Gives the columns taken. */
static int put_fitting(FILE *out, const char *text, int columns)
{
	size_t size = strlen(text);
	int taken = 0;

	while (size) {
		struct character next = next_character(text, size);

		if (next.columns > columns - taken)
			break;
		fwrite(next.bytes, next.bytes == text ? next.size : 1, 1, out);
		text += next.size;
		size -= next.size;
		taken += next.columns;
	}
	return taken;
}

int text__put(FILE *out, const char *text, int columns)
{
	struct ellipsis end = {"", 0};
	int taken;

	if (columns != TEXT_UNCUT && !fits(text, strlen(text), columns))
		end = ellipsis();
	if (columns < end.columns)
		return 0;
	taken = put_fitting(out, text, columns - end.columns);
	fputs(end.text, out);
	return taken + end.columns;
}

static size_t width(const char *text)
{
	size_t size = strlen(text), columns = 0;

	while (size) {
		struct character next = next_character(text, size);

		text += next.size;
		size -= next.size;
		columns += next.columns;
	}
	return columns;
}

/* The longest end that fits. */
static const char *tail(const char *text, size_t columns)
{
	size_t size = strlen(text), taken = width(text);

	while (taken > columns) {
		struct character next = next_character(text, size);

		text += next.size;
		size -= next.size;
		taken -= next.columns;
	}
	return text;
}

int text__put_name(FILE *out, const char *name, int columns)
{
	struct ellipsis middle = ellipsis();
	int room = columns - middle.columns, taken;

	if (columns < NAME_HALVES_MIN || columns == TEXT_UNCUT || fits(name, strlen(name), columns))
		return text__put(out, name, columns);
	taken = put_fitting(out, name, room - room / 2);
	fputs(middle.text, out);
	return taken + middle.columns + put_fitting(out, tail(name, room / 2), room / 2);
}

static void put_bytes(char figure[TEXT_FIGURE], int64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = bytes;
	size_t unit = 0;

	/* 1023.95 would become 1024.0. */
	while ((value >= 1023.95 || value <= -1023.95) &&
	       unit + 1 < sizeof(units) / sizeof(*units)) {
		value /= 1024;
		unit++;
	}
	snprintf(figure, TEXT_FIGURE, unit ? "%.1f%s" : "%.0f%s", value, units[unit]);
}

/* One unit as far as it goes, so that figures compare at a glance. */
static void put_time(char figure[TEXT_FIGURE], int64_t ns)
{
	double seconds = ns / 1e9;

	if (seconds < 100000)
		snprintf(figure, TEXT_FIGURE, "%.2fs", seconds);
	else
		snprintf(figure, TEXT_FIGURE, "%.1fh", seconds / 3600);
}

void text__value(char figure[TEXT_FIGURE], int64_t value, const char *unit)
{
	if (!strcmp(unit, "bytes"))
		put_bytes(figure, value);
	else if (!strcmp(unit, "nanoseconds"))
		put_time(figure, value);
	else
		snprintf(figure, TEXT_FIGURE, "%" PRId64, value);
}

void text__share(char figure[TEXT_FIGURE], int64_t value, int64_t total)
{
	*figure = '\0';
	if (total > 0 && value >= 0 && value <= total)
		snprintf(figure, TEXT_FIGURE, "%.1f%%", 100.0 * value / total);
}

void text__age(char figure[TEXT_FIGURE], int64_t seconds)
{
	int64_t days = seconds / 86400;
	char day[16] = "";

	if (days > 0 && days < 1000000)
		snprintf(day, sizeof(day), "%" PRId64 "d ", days);
	snprintf(figure, TEXT_FIGURE, "%s%d:%02d:%02d", day, (int)(seconds % 86400 / 3600),
		 (int)(seconds % 3600 / 60), (int)(seconds % 60));
}
