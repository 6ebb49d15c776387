// SPDX-License-Identifier: Apache-2.0
#include "symbol/strings.h"

#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct kept {
	UT_hash_handle hh;
	char text[];
};

struct strings {
	struct kept *kept;
	size_t bytes;
};

struct strings *strings__new(void)
{
	return calloc(1, sizeof(struct strings));
}

void strings__free(struct strings *strings)
{
	struct kept *kept, *next;

	if (!strings)
		return;
	HASH_ITER(hh, strings->kept, kept, next)
	{
		HASH_DEL(strings->kept, kept);
		free(kept);
	}
	free(strings);
}

const char *strings__keep(struct strings *strings, const char *text)
{
	size_t length = strnlen(text, STRINGS_LENGTH_MAX);
	struct kept *kept;

	HASH_FIND(hh, strings->kept, text, length, kept);
	if (kept)
		return kept->text;
	kept = malloc(sizeof(*kept) + length + 1);
	if (!kept)
		return NULL;
	memcpy(kept->text, text, length);
	kept->text[length] = '\0';
	HASH_ADD_KEYPTR(hh, strings->kept, kept->text, length, kept);
	if (!kept->hh.tbl) {
		free(kept);
		return NULL;
	}
	strings->bytes += sizeof(*kept) + length + 1 + sizeof(UT_hash_bucket);
	return kept->text;
}

size_t strings__bytes(const struct strings *strings)
{
	return strings->bytes;
}
