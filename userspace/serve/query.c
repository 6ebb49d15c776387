// SPDX-License-Identifier: Apache-2.0
#include "serve/query.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int hex_digit(char c)
{
	if (!isxdigit((unsigned char)c))
		return -1;
	return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* Decodes up to `length` bytes. An escape that is none stands for itself. */
static void decode(const char *text, size_t length, char *value, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < length && used + 1 < size; i++) {
		char c = text[i] == '+' ? ' ' : text[i];

		if (c == '%' && length - i > 2 && hex_digit(text[i + 1]) >= 0 &&
		    hex_digit(text[i + 2]) >= 0) {
			c = hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]);
			i += 2;
		}
		value[used++] = c;
	}
	value[used] = '\0';
}

bool query__get(const char *query, size_t length, const char *name, char *value, size_t size)
{
	size_t name_length = strlen(name);

	while (length) {
		const char *end = memchr(query, '&', length);
		size_t part = end ? (size_t)(end - query) : length;

		if (part >= name_length && !memcmp(query, name, name_length) &&
		    (part == name_length || query[name_length] == '=')) {
			size_t skip = part == name_length ? part : name_length + 1;

			decode(query + skip, part - skip, value, size);
			return true;
		}
		query += part + (end != NULL);
		length -= part + (end != NULL);
	}
	return false;
}

bool query__integer(const char *text, long *value)
{
	const char *digits = text + (*text == '-' || *text == '+');
	char *end;

	/* strtol would pass blanks over. */
	if (!isdigit((unsigned char)*digits))
		return false;
	errno = 0;
	*value = strtol(text, &end, 10);
	return !*end && !errno;
}
