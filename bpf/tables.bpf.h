/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Code address -> unwind rule. The tables are user space's to fill; here they are looked up. */
#ifndef EXOPROF_TABLES_BPF_H
#define EXOPROF_TABLES_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "wire.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct wire_mappings);
} mappings __weak SEC(".maps");

/* Which of the two is in use. */
volatile __u32 mappings_active __weak = 0;

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

/* ceil(log2(4096 + 1)) and log2(65536): what a binary search takes at most. */
#define MAPPING_STEPS 13
#define ROW_STEPS     16

/* The searches are global functions: the verifier checks those once and by themselves, and not
 * again for each way that leads to them. */

/* The first mapping that ends behind pc. */
__weak __noinline int search_mappings(struct wire_mappings *table, __u64 pc)
{
	__u32 low = 0, high;

	if (!table)
		return 0;
	high = table->count;
	for (int i = 0; i < MAPPING_STEPS && low < high; i++) {
		__u32 middle = (low + high) / 2;

		if (table->items[middle & (WIRE_MAPPINGS_MAX - 1)].end <= pc)
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

static __always_inline bool holds(const struct wire_mappings *table, __u32 index, __u64 pc)
{
	const struct wire_mapping *mapping = &table->items[index & (WIRE_MAPPINGS_MAX - 1)];

	return index < table->count && mapping->start <= pc && pc < mapping->end;
}

/* `hint` is where the last one was found, and becomes where this one is: callers are mostly in the
 * same file. */
static __always_inline const struct wire_mapping *find_mapping(__u64 pc, __u32 *hint)
{
	__u32 slot = mappings_active & 1;
	struct wire_mappings *table = bpf_map_lookup_elem(&mappings, &slot);

	if (!table)
		return NULL;
	if (!holds(table, *hint, pc)) {
		*hint = search_mappings(table, pc);
		if (!holds(table, *hint, pc))
			return NULL;
	}
	return &table->items[*hint & (WIRE_MAPPINGS_MAX - 1)];
}

/* Whether the address lies in executable memory. */
__weak __noinline int is_code(__u64 pc)
{
	__u32 hint = 0;

	return find_mapping(pc, &hint) != NULL;
}

static __always_inline struct wire_unwind_block *find_block(__u32 number)
{
	void *map = bpf_map_lookup_elem(&unwind_blocks, &number);
	__u32 zero = 0;

	return map ? bpf_map_lookup_elem(map, &zero) : NULL;
}

/* The rule for this address in a mapping with rows; NULL where the tables have none. */
static __always_inline const struct wire_unwind_rule *find_rule(const struct wire_mapping *mapping,
								__u64 pc)
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
