/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Spares most look-ups of blocks that are not followed: a counting filter, one hash function (Fan
 * et al. 2000, "Summary cache"). Both sides count in it, whoever puts a block into the map or takes
 * it out. */
#ifndef EXOPROF_HEAP_FILTER_H
#define EXOPROF_HEAP_FILTER_H

#include <linux/types.h>

/* 128 KiB of counters. With 8,000 blocks, a heap of 4 GiB at the default rate, one look-up in four
 * is still made. */
#define HEAP_FILTER_BITS  15
#define HEAP_FILTER_SLOTS (1U << HEAP_FILTER_BITS)

/* By Knuth's multiplicative method; the low four bits of an address are mostly zero. */
static inline __u32 heap_filter_slot(__u64 address)
{
	return (address >> 4) * 0x9e3779b97f4a7c15ULL >> (64 - HEAP_FILTER_BITS);
}

#endif
