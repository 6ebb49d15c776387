// SPDX-License-Identifier: Apache-2.0
#include "symbol/kallsyms.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "symbol/symtab.h"

/* A kernel has about 200,000 symbols. */
#define SYMBOLS_MAX 4000000

struct kallsyms {
	struct symtab symtab;
	char **names; /* of all symbols, also of those that symtab__finish() drops */
	size_t name_count, name_capacity;
};

/* "ffffffff81000000 T _text" or "ffffffffc0000000 t name\t[module]" */
static int add_line(struct kallsyms *kallsyms, const char *text)
{
	char type, name[512], module[64] = "";
	uint64_t address;
	char *copy;
	int err;

	if (sscanf(text, "%" SCNx64 " %c %511s %63s", &address, &type, name, module) < 3)
		return -EBADMSG;
	if (!strchr("tTwW", type) || !address)
		return 0;
	if (kallsyms->symtab.count == SYMBOLS_MAX)
		return -E2BIG;
	if (asprintf(&copy, "%s%s%s", name, *module ? " " : "", module) < 0)
		return -ENOMEM;
	err = array_append(&kallsyms->names, &kallsyms->name_count, &kallsyms->name_capacity, copy);
	if (err) {
		free(copy);
		return err;
	}
	return symtab__add(&kallsyms->symtab, (struct symbol){
						      .start = address,
						      .name = copy,
						      .is_weak = strchr("wW", type),
						      .is_global = type == 'T' || type == 'W',
					      });
}

static int compare_start(const void *left, const void *right)
{
	const struct symbol *a = left, *b = right;

	return (a->start > b->start) - (a->start < b->start);
}

/* kallsyms has no sizes: a function goes on to where the next one begins. */
static void set_ends(struct symtab *symtab)
{
	uint64_t next = UINT64_MAX;

	qsort(symtab->items, symtab->count, sizeof(*symtab->items), compare_start);
	for (size_t i = symtab->count; i-- > 0;) {
		symtab->items[i].end = next;
		if (i && symtab->items[i - 1].start != symtab->items[i].start)
			next = symtab->items[i].start;
	}
}

struct kallsyms *kallsyms__read(FILE *in)
{
	struct kallsyms *kallsyms = calloc(1, sizeof(*kallsyms));
	size_t capacity = 0;
	char *text = NULL;
	int err = 0;

	if (!kallsyms)
		return NULL;
	while (!err && getline(&text, &capacity, in) > 0)
		err = add_line(kallsyms, text);
	free(text);
	if (!err && !kallsyms->symtab.count)
		err = -EACCES;
	if (!err) {
		set_ends(&kallsyms->symtab);
		err = symtab__finish(&kallsyms->symtab);
	}
	if (!err)
		return kallsyms;
	kallsyms__free(kallsyms);
	errno = -err;
	return NULL;
}

void kallsyms__free(struct kallsyms *kallsyms)
{
	if (!kallsyms)
		return;
	for (size_t i = 0; i < kallsyms->name_count; i++)
		free(kallsyms->names[i]);
	free(kallsyms->names);
	symtab__release(&kallsyms->symtab);
	free(kallsyms);
}

const char *kallsyms__find(const struct kallsyms *kallsyms, uint64_t address)
{
	const struct symbol *symbol = symtab__find(&kallsyms->symtab, address);

	return symbol ? symbol->name : NULL;
}
