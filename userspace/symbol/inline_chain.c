// SPDX-License-Identifier: Apache-2.0
#include "symbol/inline_chain.h"

#include <dwarf.h>

/* Blocks within blocks and calls within calls: compilers' output has some tens. */
#define DEPTH_MAX 512
/* Entries and ranges looked at for an address. The largest functions of libLLVM and Chromium have
 * some 10,000; this many take some 30 ms. */
#define STEPS_MAX 300000

struct walk {
	struct inline_chain *chain;
	Dwarf_Addr pc;
	Dwarf_Off last; /* entry looked at */
	size_t steps;
	bool is_over; /* on each level libdw would pass once more what was too deep */
};

/* Entries follow each other in the file: one that leads back would lead there again. */
static bool is_next(struct walk *walk, Dwarf_Die *die)
{
	Dwarf_Off offset = dwarf_dieoffset(die);

	if (offset <= walk->last || ++walk->steps > STEPS_MAX) {
		walk->chain->is_whole = false;
		walk->is_over = true;
		return false;
	}
	walk->last = offset;
	return true;
}

enum cover { COVERS, COVERS_NOT, COVERS_UNKNOWN };

static enum cover covers(struct walk *walk, Dwarf_Die *die)
{
	Dwarf_Addr base, start, end;
	ptrdiff_t offset = 0;
	enum cover result = COVERS_UNKNOWN;

	while ((offset = dwarf_ranges(die, offset, &base, &start, &end)) > 0) {
		if (walk->pc >= start && walk->pc < end)
			return COVERS;
		result = COVERS_NOT;
		if (++walk->steps > STEPS_MAX) {
			walk->chain->is_whole = false;
			break;
		}
	}
	return result;
}

static bool is_block(int tag)
{
	return tag == DW_TAG_lexical_block || tag == DW_TAG_try_block ||
	       tag == DW_TAG_catch_block || tag == DW_TAG_with_stmt;
}

static bool descend(struct walk *walk, Dwarf_Die *parent, unsigned int depth);

/* Whether the address was in it, so that its siblings need not be looked at. */
/* NOLINTNEXTLINE(misc-no-recursion): to DEPTH_MAX */
static bool enter(struct walk *walk, Dwarf_Die *die, unsigned int depth)
{
	struct inline_chain *chain = walk->chain;
	int tag = dwarf_tag(die);
	enum cover cover;

	if (tag != DW_TAG_inlined_subroutine && !is_block(tag))
		return false;
	cover = covers(walk, die);
	if (tag == DW_TAG_inlined_subroutine) {
		if (cover != COVERS)
			return false;
		if (chain->count == FOUND_LINES_MAX) {
			chain->is_whole = false;
			return true;
		}
		chain->dies[chain->count++] = *die;
	}
	if (cover == COVERS_NOT)
		return false;
	/* A block that does not say where it is may still have what does. */
	return descend(walk, die, depth + 1) || cover == COVERS;
}

/* NOLINTNEXTLINE(misc-no-recursion): to DEPTH_MAX */
static bool descend(struct walk *walk, Dwarf_Die *parent, unsigned int depth)
{
	Dwarf_Die die;

	if (depth > DEPTH_MAX) {
		walk->chain->is_whole = false;
		walk->is_over = true;
		return false;
	}
	if (dwarf_child(parent, &die))
		return false;
	do {
		if (!is_next(walk, &die))
			return false;
		if (enter(walk, &die, depth))
			return true;
	} while (!walk->is_over && !dwarf_siblingof(&die, &die));
	return false;
}

void inline_chain__find(struct inline_chain *chain, const Dwarf_Die *function, Dwarf_Addr pc)
{
	struct walk walk = {.chain = chain, .pc = pc};

	chain->dies[0] = *function;
	chain->count = 1;
	chain->is_whole = true;
	walk.last = dwarf_dieoffset(&chain->dies[0]);
	descend(&walk, &chain->dies[0], 0);
}
