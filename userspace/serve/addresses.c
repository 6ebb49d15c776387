// SPDX-License-Identifier: Apache-2.0
#include "serve/addresses.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

/* The longest is octal. */
#define NUMBER_MAX 32

/* 0: it is none. */
static uint64_t number(const char *text, size_t length)
{
	char copy[NUMBER_MAX];
	uint64_t value;
	char *end;

	/* strtoull would pass blanks and signs. */
	if (!length || length >= sizeof(copy) || !isdigit((unsigned char)*text))
		return 0;
	memcpy(copy, text, length);
	copy[length] = '\0';
	errno = 0;
	value = strtoull(copy, &end, 0);
	return *end || errno ? 0 : value;
}

uint64_t *addresses__read(const char *text, size_t length, size_t *count)
{
	size_t capacity = 0;
	uint64_t *addresses = array__grow(NULL, 0, &capacity, sizeof(*addresses));

	*count = 0;
	while (addresses && length) {
		const char *plus = memchr(text, '+', length);
		size_t part = plus ? (size_t)(plus - text) : length;
		uint64_t address = number(text, part);

		if (address && array_append(&addresses, count, &capacity, address)) {
			free(addresses);
			return NULL;
		}
		text += part + (plus != NULL);
		length -= part + (plus != NULL);
	}
	return addresses;
}
