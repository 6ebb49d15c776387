/* SPDX-License-Identifier: Apache-2.0 */
/* Symbols sorted by address. Pure. */
#ifndef EXOPROF_SYMTAB_H
#define EXOPROF_SYMTAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbol {
	uint64_t start, end; /* end excluded */
	const char *name;    /* not owned */
	bool is_weak, is_global;
};

struct symtab {
	struct symbol *items;
	size_t count, capacity;
	uint64_t *reach; /* the highest end up to and including each symbol */
};

int symtab__add(struct symtab *symtab, struct symbol symbol); /* 0 or -ENOMEM */

/* Sorts; of symbols for the same bytes, the best name stays. To be called once, after the last
 * symtab__add(). 0 or -ENOMEM. */
int symtab__finish(struct symtab *symtab);

/* The symbol that covers this address, the one that begins last if there are several; else NULL. */
const struct symbol *symtab__find(const struct symtab *symtab, uint64_t address);

size_t symtab__bytes(const struct symtab *symtab); /* what it takes in memory, without the names */

/* Releases what it holds, not the names. */
void symtab__release(struct symtab *symtab);

#endif
