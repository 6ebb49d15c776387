/* SPDX-License-Identifier: Apache-2.0 */
/* Which of many ranges of addresses an address is in. Pure. */
#ifndef EXOPROF_ADDRESS_MAP_H
#define EXOPROF_ADDRESS_MAP_H

#include <stddef.h>
#include <stdint.h>

#define ADDRESS_MAP_NONE UINT32_MAX

struct address_span {
	uint64_t start, end; /* end excluded */
	uint32_t value;
};

/* From this address on, up to the next entry's. */
struct address_entry {
	uint64_t start;
	uint32_t value; /* ADDRESS_MAP_NONE: a gap */
};

/* Zeroed: one that is empty. */
struct address_map {
	struct address_entry *entries;
	size_t count, capacity;
};

/* Sorts the spans and lays them side by side: where several cover an address, the one that begins
 * last counts, of those the shortest. So a look-up is a binary search, however they overlap. 0 or
 * -ENOMEM. */
int address_map__build(struct address_map *map, struct address_span *spans, size_t count);
void address_map__release(struct address_map *map);

/* The value of the span that counts, or ADDRESS_MAP_NONE. */
uint32_t address_map__find(const struct address_map *map, uint64_t address);

#endif
