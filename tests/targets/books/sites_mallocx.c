/* SPDX-License-Identifier: Apache-2.0 */
/* books_mallocx: jemalloc's own calls. */
#include "books.h"

#include <stdint.h>
#include <stdlib.h>
#include <jemalloc/jemalloc.h>

enum site {
	SITE_MALLOCX,
	SITE_MALLOCX_ZERO,
	SITE_MALLOCX_ALIGN,
	SITE_RALLOCX,
	SITE_RALLOCX_ALIGN,
	SITE_XALLOCX,
	SITE_MALLOC,
	SITE_REALLOC,
};

static const char *const sites[] = {
	"site_mallocx",       "site_mallocx_zero", "site_mallocx_align", "site_rallocx",
	"site_rallocx_align", "site_xallocx",      "site_malloc",        "site_realloc",
};

/* block->kind: the flags to give it back with */

APART static void site_mallocx(struct block *block, uint32_t size)
{
	block->address = books__must(mallocx(books_sizes[size], 0));
	block->kind = 0;
	books__alloc(block, SITE_MALLOCX, size);
}

APART static void site_mallocx_zero(struct block *block, uint32_t size)
{
	block->address = books__must(mallocx(books_sizes[size], MALLOCX_ZERO));
	block->kind = 0;
	books__alloc(block, SITE_MALLOCX_ZERO, size);
}

APART static void site_mallocx_align(struct block *block, uint32_t size)
{
	block->kind = MALLOCX_ALIGN(256);
	block->address = books__must(mallocx(books_sizes[size], block->kind));
	books__alloc(block, SITE_MALLOCX_ALIGN, size);
}

APART static void site_malloc(struct block *block, uint32_t size)
{
	block->address = books__must(malloc(books_sizes[size]));
	block->kind = 0;
	books__alloc(block, SITE_MALLOC, size);
}

APART static void site_rallocx(struct block *block, uint32_t size)
{
	void *address = books__must(rallocx(block->address, books_sizes[size], 0));

	block->kind = 0;
	books__realloc(block, address, SITE_RALLOCX, size);
}

APART static void site_rallocx_align(struct block *block, uint32_t size)
{
	void *address;

	block->kind = MALLOCX_ALIGN(4096);
	address = books__must(rallocx(block->address, books_sizes[size], block->kind));
	books__realloc(block, address, SITE_RALLOCX_ALIGN, size);
}

APART static void site_realloc(struct block *block, uint32_t size)
{
	void *address = books__must(realloc(block->address, books_sizes[size]));

	block->kind = 0;
	books__realloc(block, address, SITE_REALLOC, size);
}

/* In place, or nothing has happened: the block is then smaller than asked for. */
APART static void site_xallocx(struct block *block, uint32_t size, size_t extra)
{
	if (xallocx(block->address, books_sizes[size], extra, block->kind) >= books_sizes[size])
		books__realloc(block, block->address, SITE_XALLOCX, size);
}

APART static void site_dallocx(struct block *block)
{
	dallocx(block->address, block->kind);
	books__free(block);
	block->address = NULL;
}

/* By its real size: where xallocx was to make it smaller and could not, that is not the size asked
 * for. */
APART static void site_sdallocx(struct block *block)
{
	sdallocx(block->address, sallocx(block->address, block->kind), block->kind);
	books__free(block);
	block->address = NULL;
}

APART static void site_free(struct block *block)
{
	free(block->address);
	books__free(block);
	block->address = NULL;
}

/* None of these allocates anything, and the block stays as it is. */
APART static void site_failures(struct block *block)
{
	volatile size_t huge = SIZE_MAX / 2;

	books__must_fail(mallocx(huge, 0) || mallocx(huge, MALLOCX_ALIGN(64)));
	books__must_fail(rallocx(block->address, huge, 0) != NULL);
	books__must_fail(xallocx(block->address, huge, 0, block->kind) >= huge);
}

/* jemalloc's own calls take no size of 0. */
static uint32_t random_size(uint64_t *random)
{
	return 1 + books__random(random) % (BOOKS_SIZES - 1);
}

static void allocate(struct block *block, uint64_t *random)
{
	static void (*const ways[])(struct block *, uint32_t) = {
		site_mallocx,
		site_mallocx_zero,
		site_mallocx_align,
		site_malloc,
	};
	uint32_t way = books__random(random) % COUNT(ways);

	ways[way](block, random_size(random));
}

static void change(struct block *block, uint64_t *random)
{
	uint32_t to = random_size(random);

	switch (books__random(random) % 10) {
	case 0:
		site_rallocx(block, to);
		return;
	case 1:
		site_rallocx_align(block, to);
		return;
	case 2:
		site_realloc(block, to);
		return;
	case 3:
		site_xallocx(block, to, books__random(random) % 5000);
		return;
	case 4:
		site_xallocx(block, to, 0);
		return;
	case 5:
		site_failures(block);
		return;
	case 6:
		site_free(block);
		return;
	case 7:
		site_dallocx(block);
		return;
	default:
		site_sdallocx(block);
	}
}

int main(int argc, char **argv)
{
	static const struct books_program program = {
		.sites = sites,
		.site_count = COUNT(sites),
		.allocate = allocate,
		.change = change,
		.give_back = site_free,
	};

	return books__run(&program, argc, argv);
}
