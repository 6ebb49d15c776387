/* SPDX-License-Identifier: Apache-2.0 */
/* Which functions were inlined into each other at an address. */
#ifndef EXOPROF_INLINE_CHAIN_H
#define EXOPROF_INLINE_CHAIN_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>

#include "symbol/found.h"

struct inline_chain {
	Dwarf_Die dies[FOUND_LINES_MAX]; /* the function, then what was inlined, outermost first */
	size_t count;
	bool is_whole; /* nothing is missing at its end */
};

/* The chain at `pc` in a function that covers it: looks at that function's own entries alone. */
void inline_chain__find(struct inline_chain *chain, const Dwarf_Die *function, Dwarf_Addr pc);

#endif
