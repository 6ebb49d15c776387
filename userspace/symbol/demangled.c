// SPDX-License-Identifier: Apache-2.0
#include "symbol/demangled.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "symbol/demangle.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* Some 20,000 names of C++. */
#define BYTES_MAX (8UL << 20)

struct known {
	UT_hash_handle hh;
	char *name; /* NULL: the symbol itself */
	char mangled[];
};

struct demangled {
	struct known *known;
	size_t bytes;
};

struct demangled *demangled__new(void)
{
	return calloc(1, sizeof(struct demangled));
}

static void forget(struct demangled *demangled)
{
	struct known *known, *next;

	HASH_ITER(hh, demangled->known, known, next)
	{
		HASH_DEL(demangled->known, known);
		free(known->name);
		free(known);
	}
	demangled->bytes = 0;
}

void demangled__free(struct demangled *demangled)
{
	if (!demangled)
		return;
	forget(demangled);
	free(demangled);
}

static struct known *add(struct demangled *demangled, const char *mangled, size_t length)
{
	struct known *known = calloc(1, sizeof(*known) + length + 1);

	if (!known)
		return NULL;
	memcpy(known->mangled, mangled, length);
	HASH_ADD_KEYPTR(hh, demangled->known, known->mangled, length, known);
	if (!known->hh.tbl) {
		free(known);
		return NULL;
	}
	known->name = demangle__name(known->mangled);
	demangled->bytes += sizeof(*known) + length + 1 + sizeof(UT_hash_bucket) +
			    (known->name ? strlen(known->name) + 1 : 0);
	return known;
}

const char *demangled__find(struct demangled *demangled, const char *mangled)
{
	struct known *known;
	size_t length;

	if (!demangle__may(mangled))
		return NULL;
	length = strlen(mangled);
	HASH_FIND(hh, demangled->known, mangled, length, known);
	if (!known)
		known = add(demangled, mangled, length);
	return known ? known->name : NULL;
}

void demangled__tend(struct demangled *demangled)
{
	if (demangled->bytes > BYTES_MAX)
		forget(demangled);
}
