/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Code address -> unwind rule. The tables are user space's to fill; here they are looked up. */
#ifndef EXOPROF_TABLES_BPF_H
#define EXOPROF_TABLES_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "maps.bpf.h"

/* User space writes a run that is not in use, then makes it an era's. */
volatile struct wire_mapping mapping_pool[WIRE_MAPPING_POOL] __weak;
_Static_assert((WIRE_MAPPING_POOL & (WIRE_MAPPING_POOL - 1)) == 0, "maskable");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WIRE_PAGES_MAX);
	__type(key, __u32);
	__type(value, struct wire_unwind_page);
} unwind_pages __weak SEC(".maps");

struct unwind_block_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	/* In an inner map clang 14 leaves the type's definition out. */
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct wire_unwind_block));
};

/* A map in a map, so that memory grows a block at a time as files come in. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, WIRE_BLOCKS_MAX);
	__type(key, __u32);
	__array(values, struct unwind_block_map);
} unwind_blocks __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WIRE_RULES_MAX);
	__type(key, __u32);
	__type(value, struct wire_unwind_rule);
} unwind_rules __weak SEC(".maps");

/* ceil(log2(32768 + 1)) and log2(65536): what a binary search takes at most. */
#define MAPPING_STEPS 16
#define ROW_STEPS     16

/* The searches are global functions: the verifier checks those once and by themselves, and not
 * again for each way that leads to them. */

static __always_inline volatile struct wire_mapping *pool_at(__u32 index)
{
	return &mapping_pool[index & (WIRE_MAPPING_POOL - 1)];
}

/* The first mapping of the run that ends behind pc. */
__weak __noinline __u32 search_mappings(__u32 first, __u32 count, __u64 pc)
{
	__u32 low = 0, high = count;

	for (int i = 0; i < MAPPING_STEPS && low < high; i++) {
		__u32 middle = (low + high) / 2;

		if (pool_at(first + middle)->end <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The last row from `low` to `high` that begins at or before pc_low; the first one does. */
__weak __noinline int search_rows(struct wire_unwind_block *block, __u32 low, __u32 high,
				  __u32 pc_low)
{
	if (!block)
		return 0;
	for (int i = 0; i < ROW_STEPS && low < high; i++) {
		__u32 middle = (low + high + 1) / 2;

		if (block->rows[middle & (WIRE_BLOCK_ROWS - 1)].pc_low <= pc_low)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

static __always_inline bool holds(const struct walk *walk, __u32 index, __u64 pc)
{
	volatile struct wire_mapping *mapping = pool_at(walk->first_mapping + index);

	return index < walk->mapping_count && mapping->start <= pc && pc < mapping->end;
}

/* The last one found is tried first: callers are mostly in the same file. */
static __always_inline volatile struct wire_mapping *find_mapping(struct walk *walk, __u64 pc)
{
	if (!holds(walk, walk->mapping, pc)) {
		walk->mapping = search_mappings(walk->first_mapping, walk->mapping_count, pc);
		if (!holds(walk, walk->mapping, pc))
			return NULL;
	}
	return pool_at(walk->first_mapping + walk->mapping);
}

/* Whether the address lies in executable memory. */
static __always_inline bool is_code(const struct walk *walk, __u64 pc)
{
	return holds(walk, search_mappings(walk->first_mapping, walk->mapping_count, pc), pc);
}

static __always_inline struct wire_unwind_block *find_block(__u32 number)
{
	void *map = bpf_map_lookup_elem(&unwind_blocks, &number);
	__u32 zero = 0;

	return map ? bpf_map_lookup_elem(map, &zero) : NULL;
}

/* The rule for this address in a mapping with rows; NULL where the tables have none. */
static __always_inline const struct wire_unwind_rule *
find_rule(volatile struct wire_mapping *mapping, __u64 pc)
{
	__u64 vaddr = pc - mapping->bias;
	__u64 number = vaddr >> WIRE_PAGE_SHIFT;
	__u32 key = mapping->first_page + number;
	const struct wire_unwind_page *page;
	struct wire_unwind_block *block;
	__u32 row;

	if (number >= mapping->page_count)
		return NULL;
	page = bpf_map_lookup_elem(&unwind_pages, &key);
	if (!page)
		return NULL;
	block = find_block(page->block);
	if (!block)
		return NULL;
	row = search_rows(block, page->first, page->last, (__u16)vaddr);
	key = block->rows[row & (WIRE_BLOCK_ROWS - 1)].rule;
	return bpf_map_lookup_elem(&unwind_rules, &key);
}

#endif
