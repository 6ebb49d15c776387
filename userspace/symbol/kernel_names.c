// SPDX-License-Identifier: Apache-2.0
#include "symbol/kernel_names.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "symbol/kallsyms.h"

/* Reading 200,000 lines takes 0.1 s. */
#define OLD_MS 3000

struct kernel_names {
	const char *symbols, *modules;
	struct kallsyms *kallsyms; /* NULL: could not be read */
	bool is_read;
	int64_t read_ms;
};

struct kernel_names *kernel_names__new(const char *symbols, const char *modules)
{
	struct kernel_names *names = calloc(1, sizeof(*names));

	if (!names)
		return NULL;
	names->symbols = symbols;
	names->modules = modules;
	return names;
}

void kernel_names__free(struct kernel_names *names)
{
	if (!names)
		return;
	kallsyms__free(names->kallsyms);
	free(names);
}

/* Keeps what there was where there is nothing new. */
static void read_anew(struct kernel_names *names)
{
	FILE *symbols = fopen(names->symbols, "re");
	FILE *modules = fopen(names->modules, "re");
	struct kallsyms *kallsyms = symbols ? kallsyms__read(symbols, modules) : NULL;

	if (kallsyms) {
		kallsyms__free(names->kallsyms);
		names->kallsyms = kallsyms;
	}
	if (symbols)
		fclose(symbols);
	if (modules)
		fclose(modules);
	names->is_read = true;
	names->read_ms = clock__monotonic_ms();
}

static const char *find(const struct kernel_names *names, uint64_t address)
{
	return names->kallsyms ? kallsyms__find(names->kallsyms, address) : NULL;
}

/* What is in brackets may have gone, and something else come where it was. */
static bool may_be_old(const char *name)
{
	return !name || strchr(name, '[');
}

const char *kernel_names__find(struct kernel_names *names, uint64_t address)
{
	const char *name;

	if (!names->is_read)
		read_anew(names);
	name = find(names, address);
	if (!may_be_old(name) || clock__monotonic_ms() - names->read_ms < OLD_MS)
		return name;
	read_anew(names);
	return find(names, address);
}
