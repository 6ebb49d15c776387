// SPDX-License-Identifier: Apache-2.0
#include "symbol/symtab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

int symtab__add(struct symtab *symtab, struct symbol symbol)
{
	return array_append(&symtab->items, &symtab->count, &symtab->capacity, symbol);
}

/* Which of two names for the same bytes a person would use, as perf chooses
 * (tools/perf/util/symbol.c, choose_best_symbol): not weak, global, fewer leading underscores,
 * longer. Below 0 if it is the first. */
static int compare_names(const struct symbol *a, const struct symbol *b)
{
	size_t a_underscores = strspn(a->name, "_"), b_underscores = strspn(b->name, "_");
	size_t a_length, b_length;

	if (a->is_weak != b->is_weak)
		return a->is_weak - b->is_weak;
	if (a->is_global != b->is_global)
		return b->is_global - a->is_global;
	if (a_underscores != b_underscores)
		return a_underscores < b_underscores ? -1 : 1;
	a_length = strlen(a->name);
	b_length = strlen(b->name);
	if (a_length != b_length)
		return a_length > b_length ? -1 : 1;
	return strcmp(a->name, b->name);
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
	size_t low = 0, high = symtab->count;

	/* low becomes the first symbol that begins behind the address. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (symtab->items[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	while (low-- > 0 && symtab->reach[low] > address) {
		if (symtab->items[low].end > address)
			return &symtab->items[low];
	}
	return NULL;
}

void symtab__release(struct symtab *symtab)
{
	free(symtab->items);
	free(symtab->reach);
	memset(symtab, 0, sizeof(*symtab));
}
