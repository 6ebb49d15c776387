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

/* Where a module lies, by /proc/modules. Newer kernels (6.4) give where its code begins and the
 * size of all its parts: an upper bound. */
struct module_area {
	uint64_t start, end;
};

struct kallsyms {
	struct symtab symtab;
	char **names; /* of all symbols, also of those that symtab__finish() drops */
	size_t name_count, name_capacity;

	/* While it is read. */
	uint64_t code_ends[2]; /* _etext, _einittext; 0: not listed */
	struct module_area *areas;
	size_t area_count, area_capacity;
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
	if (!strcmp(name, "_etext") || !strcmp(name, "_einittext")) {
		kallsyms->code_ends[name[2] == 'i'] = address;
		return 0;
	}
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

/* "tun 65536 2 vhost_net, Live 0xffffffffc0000000"; the address is 0 for who may not see it. */
static int add_area(struct kallsyms *kallsyms, const char *text)
{
	struct module_area area;
	uint64_t size;
	const char *address = strstr(text, " 0x");

	if (!address || sscanf(text, "%*s %" SCNu64, &size) != 1 ||
	    sscanf(address, " 0x%" SCNx64, &area.start) != 1 || !area.start ||
	    size > UINT64_MAX - area.start)
		return 0;
	area.end = area.start + size;
	return array_append(&kallsyms->areas, &kallsyms->area_count, &kallsyms->area_capacity,
			    area);
}

static int read_lines(struct kallsyms *kallsyms, FILE *in,
		      int (*add)(struct kallsyms *kallsyms, const char *text))
{
	size_t capacity = 0;
	char *text = NULL;
	int err = 0;

	while (in && !err && getline(&text, &capacity, in) > 0)
		err = add(kallsyms, text);
	free(text);
	return err;
}

static int compare_start(const void *left, const void *right)
{
	const struct symbol *a = left, *b = right;

	return (a->start > b->start) - (a->start < b->start);
}

/* How far a function goes at most whose end nothing tells. */
#define UNKNOWN_BYTES 4096

/* All of a BPF program's functions are listed, and so are the images of trampolines: nearly always
 * the next one is close. The longest that the verifier lets through are rarely longer than this. */
#define BPF_BYTES     65536

static uint64_t limit_in_core(const struct kallsyms *kallsyms, uint64_t start)
{
	uint64_t limit = 0;

	for (int i = 0; i < 2; i++) {
		uint64_t end = kallsyms->code_ends[i];

		if (end >= start && (!limit || end < limit))
			limit = end;
	}
	return limit;
}

static uint64_t limit_in_module(const struct kallsyms *kallsyms, uint64_t start)
{
	for (size_t i = 0; i < kallsyms->area_count; i++) {
		if (start >= kallsyms->areas[i].start && start < kallsyms->areas[i].end)
			return kallsyms->areas[i].end;
	}
	return 0;
}

/* The kernel's list has no sizes: a function goes on to where the next one begins, but
 * - the core's own no further than _etext and _einittext, behind which there is no code
 *   (arch/x86/kernel/vmlinux.lds.S),
 * - a module's no further than the module, if /proc/modules tells its size,
 * - a BPF program's, and anything else's that is made while the kernel runs ("[bpf]",
 *   "[__builtin__ftrace]"), as far as one may believe. */
static uint64_t limit_of(const struct kallsyms *kallsyms, const struct symbol *symbol)
{
	const char *module = strchr(symbol->name, '[');
	uint64_t most = module && !strcmp(module, "[bpf]") ? BPF_BYTES : UNKNOWN_BYTES;
	uint64_t limit = module ? limit_in_module(kallsyms, symbol->start)
				: limit_in_core(kallsyms, symbol->start);

	if (limit)
		return limit;
	return symbol->start > UINT64_MAX - most ? UINT64_MAX : symbol->start + most;
}

static void set_ends(struct kallsyms *kallsyms)
{
	struct symtab *symtab = &kallsyms->symtab;
	uint64_t next = UINT64_MAX;

	qsort(symtab->items, symtab->count, sizeof(*symtab->items), compare_start);
	for (size_t i = symtab->count; i-- > 0;) {
		uint64_t limit = limit_of(kallsyms, &symtab->items[i]);

		symtab->items[i].end = next < limit ? next : limit;
		if (i && symtab->items[i - 1].start != symtab->items[i].start)
			next = symtab->items[i].start;
	}
}

struct kallsyms *kallsyms__read(FILE *symbols, FILE *modules)
{
	struct kallsyms *kallsyms = calloc(1, sizeof(*kallsyms));
	int err;

	if (!kallsyms)
		return NULL;
	err = read_lines(kallsyms, symbols, add_line);
	if (!err)
		err = read_lines(kallsyms, modules, add_area);
	if (!err && !kallsyms->symtab.count)
		err = -EACCES;
	if (!err) {
		set_ends(kallsyms);
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
	free(kallsyms->areas);
	symtab__release(&kallsyms->symtab);
	free(kallsyms);
}

const char *kallsyms__find(const struct kallsyms *kallsyms, uint64_t address)
{
	const struct symbol *symbol = symtab__find(&kallsyms->symtab, address);

	return symbol ? symbol->name : NULL;
}
