// SPDX-License-Identifier: Apache-2.0
#include "symbol/symtab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/search.h"

/* What of two names is compared: all of a hundred thousand of 16 MiB each, which may be the same
 * bytes in the file, would take for ever. */
#define COMPARED_MAX 4096

int symtab__add(struct symtab *symtab, struct symbol symbol)
{
	return array_append(&symtab->items, &symtab->count, &symtab->capacity, symbol);
}

static int compare_bools(bool a, bool b)
{
	return (a > b) - (a < b);
}

static int compare_sizes(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

static size_t length_of(const char *name)
{
	return strnlen(name, COMPARED_MAX);
}

static size_t count_underscores(const char *name)
{
	size_t count = 0;

	while (count < COMPARED_MAX && name[count] == '_')
		count++;
	return count;
}

/* Which of two names for the same bytes a person would use; below 0 if it is the first. One without
 * a symbol version, with fewer leading underscores, not weak, global, shorter. Much as perf chooses
 * (tools/perf/util/symbol.c, choose_best_symbol), but there weak comes first and longer is better,
 * and libc's calloc and free become __libc_calloc and cfree. */
static int compare_names(const struct symbol *a, const struct symbol *b)
{
	size_t a_length = length_of(a->name), b_length = length_of(b->name);
	int order = compare_bools(memchr(a->name, '@', a_length), memchr(b->name, '@', b_length));

	if (!order)
		order = compare_sizes(count_underscores(a->name), count_underscores(b->name));
	if (!order)
		order = compare_bools(a->is_weak, b->is_weak);
	if (!order)
		order = compare_bools(b->is_global, a->is_global);
	if (!order)
		order = compare_sizes(a_length, b_length);
	return order ? order : strncmp(a->name, b->name, COMPARED_MAX);
}

static int compare_symbols(const void *left, const void *right)
{
	const struct symbol *a = left, *b = right;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	/* The shortest last, to be met first when looking back from an address. */
	if (a->end != b->end)
		return a->end > b->end ? -1 : 1;
	return compare_names(a, b);
}

int symtab__finish(struct symtab *symtab)
{
	size_t kept = 0;
	uint64_t reach = 0;

	if (!symtab->count)
		return 0;
	qsort(symtab->items, symtab->count, sizeof(*symtab->items), compare_symbols);
	for (size_t i = 0; i < symtab->count; i++) {
		const struct symbol *symbol = &symtab->items[i];
		const struct symbol *last = kept ? &symtab->items[kept - 1] : NULL;

		if (last && last->start == symbol->start && last->end == symbol->end)
			continue;
		symtab->items[kept++] = *symbol;
	}
	symtab->count = kept;
	symtab->reach = calloc(kept, sizeof(*symtab->reach));
	if (!symtab->reach)
		return -ENOMEM;
	for (size_t i = 0; i < kept; i++) {
		if (symtab->items[i].end > reach)
			reach = symtab->items[i].end;
		symtab->reach[i] = reach;
	}
	return 0;
}

const struct symbol *symtab__find(const struct symtab *symtab, uint64_t address)
{
	size_t at = search_lower_bound(i, symtab->count, symtab->items[i].start <= address);

	while (at-- > 0 && symtab->reach[at] > address) {
		if (symtab->items[at].end > address)
			return &symtab->items[at];
	}
	return NULL;
}

size_t symtab__bytes(const struct symtab *symtab)
{
	return symtab->capacity * sizeof(*symtab->items) + symtab->count * sizeof(*symtab->reach);
}

void symtab__release(struct symtab *symtab)
{
	free(symtab->items);
	free(symtab->reach);
	memset(symtab, 0, sizeof(*symtab));
}
