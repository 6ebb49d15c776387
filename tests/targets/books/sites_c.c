/* SPDX-License-Identifier: Apache-2.0 */
/* books: malloc and all its kin, as far as the allocator has them. */
#include "books.h"

#include <dlfcn.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum site {
	SITE_MALLOC,
	SITE_CALLOC,
	SITE_REALLOC_GROW,
	SITE_REALLOC_SHRINK,
	SITE_REALLOC_NULL,
	SITE_REALLOC_ZERO,
	SITE_REALLOCF,
	SITE_STRDUP,
	SITE_ALIGNED_ALLOC,
	SITE_MEMALIGN,
	SITE_POSIX_MEMALIGN,
	SITE_VALLOC,
	SITE_PVALLOC,
	SITE_REALLOCARRAY,
};

static const char *const sites[] = {
	[SITE_MALLOC] = "site_malloc",
	[SITE_CALLOC] = "site_calloc",
	[SITE_REALLOC_GROW] = "site_realloc_grow",
	[SITE_REALLOC_SHRINK] = "site_realloc_shrink",
	[SITE_REALLOC_NULL] = "site_realloc_null",
	[SITE_REALLOC_ZERO] = "site_realloc_zero",
	[SITE_REALLOCF] = "site_reallocf",
	[SITE_STRDUP] = "site_strdup",
	[SITE_ALIGNED_ALLOC] = "site_aligned_alloc",
	[SITE_MEMALIGN] = "site_memalign",
	[SITE_POSIX_MEMALIGN] = "site_posix_memalign",
	[SITE_VALLOC] = "site_valloc",
	[SITE_PVALLOC] = "site_pvalloc",
	[SITE_REALLOCARRAY] = "site_reallocarray",
};

/* What not every allocator has; NULL: this one has not. */
static struct {
	void *(*pvalloc)(size_t size);
	void *(*reallocf)(void *old, size_t size);
	void (*cfree)(void *address);
	void (*vfree)(void *address);
	void (*free_sized)(void *address, size_t size);
} extra;

#ifdef STATIC
/* Weak: it may be there. */
#pragma weak pvalloc
void *pvalloc(size_t size);

static void prepare(void)
{
	extra.pvalloc = pvalloc;
}
#else
/* Where the C library has a function that the allocator in use has not, it works on blocks of its
 * own, which the allocator knows nothing of. */
static void *find(const char *name)
{
	void *address = dlsym(RTLD_DEFAULT, name);
	Dl_info here, allocator;

#ifdef __GLIBC__
	/* Of this one glibc has only an old version. */
	if (!address)
		address = dlvsym(RTLD_DEFAULT, name, "GLIBC_2.2.5");
#endif
	if (!address || !dladdr(address, &here) ||
	    !dladdr(dlsym(RTLD_DEFAULT, "malloc"), &allocator))
		return NULL;
	return here.dli_fbase == allocator.dli_fbase ? address : NULL;
}

static void prepare(void)
{
	extra.pvalloc = find("pvalloc");
	extra.reallocf = find("reallocf");
	extra.cfree = find("cfree");
	extra.vfree = find("vfree");
	extra.free_sized = find("free_sized");
}
#endif

/* block->kind, of one that free_sized takes. */
#define PLAIN 1

APART static void site_malloc(struct block *block, uint32_t size)
{
	block->address = books__must(malloc(books_sizes[size]));
	block->kind = PLAIN;
	books__alloc(block, SITE_MALLOC, size);
}

APART static void site_calloc(struct block *block, uint32_t size)
{
	size_t bytes = books_sizes[size];

	block->address = books__must(bytes % 8 ? calloc(1, bytes) : calloc(bytes / 8, 8));
	block->kind = PLAIN;
	books__alloc(block, SITE_CALLOC, size);
}

APART static void site_realloc_null(struct block *block, uint32_t size)
{
	block->address = books__must(realloc(NULL, books_sizes[size]));
	block->kind = PLAIN;
	books__alloc(block, SITE_REALLOC_NULL, size);
}

#ifdef __GLIBC__
/* Of any length, by its tail. */
static char text[200000];

APART static void site_strdup(struct block *block, uint32_t size)
{
	/* The shortest text has its end. */
	if (!books_sizes[size])
		size = 1;
	block->address = books__must(strdup(text + sizeof(text) - books_sizes[size]));
	books__alloc(block, SITE_STRDUP, size);
}
#else
/* musl has neither call-frame information nor frame pointers: nobody knows who called its strdup.
 */
#define site_strdup site_malloc
#endif

APART static void site_aligned_alloc(struct block *block, uint32_t size)
{
	block->address = books__must(aligned_alloc(64, books_sizes[size]));
	books__alloc(block, SITE_ALIGNED_ALLOC, size);
}

APART static void site_memalign(struct block *block, uint32_t size)
{
	block->address = books__must(memalign(512, books_sizes[size]));
	books__alloc(block, SITE_MEMALIGN, size);
}

APART static void site_posix_memalign(struct block *block, uint32_t size)
{
	void *address = NULL;

	if (posix_memalign(&address, 4096, books_sizes[size]))
		address = NULL;
	block->address = books__must(address);
	books__alloc(block, SITE_POSIX_MEMALIGN, size);
}

APART static void site_valloc(struct block *block, uint32_t size)
{
	block->address = books__must(valloc(books_sizes[size]));
	books__alloc(block, SITE_VALLOC, size);
}

APART static void site_pvalloc(struct block *block, uint32_t size)
{
	block->address = books__must(extra.pvalloc(books_sizes[size]));
	books__alloc(block, SITE_PVALLOC, size);
}

APART static void site_reallocarray(struct block *block, uint32_t size)
{
	void *address = books__must(reallocarray(block->address, books_sizes[size], 1));

	books__realloc(block, address, SITE_REALLOCARRAY, size);
}

APART static void site_realloc_grow(struct block *block, uint32_t size)
{
	void *address = books__must(realloc(block->address, books_sizes[size]));

	books__realloc(block, address, SITE_REALLOC_GROW, size);
}

APART static void site_realloc_shrink(struct block *block, uint32_t size)
{
	void *address = books__must(realloc(block->address, books_sizes[size]));

	books__realloc(block, address, SITE_REALLOC_SHRINK, size);
}

APART static void site_reallocf(struct block *block, uint32_t size)
{
	void *address = books__must(extra.reallocf(block->address, books_sizes[size]));

	books__realloc(block, address, SITE_REALLOCF, size);
}

/* Gives the block back and returns NULL, or gives another one of no bytes: as the allocator has it.
 */
APART static void site_realloc_zero(struct block *block)
{
	books__realloc(block, realloc(block->address, 0), SITE_REALLOC_ZERO, 0);
}

APART static void site_free(struct block *block)
{
	free(block->address);
	books__free(block);
	block->address = NULL;
}

APART static void site_cfree(struct block *block)
{
	extra.cfree(block->address);
	books__free(block);
	block->address = NULL;
}

APART static void site_vfree(struct block *block)
{
	extra.vfree(block->address);
	books__free(block);
	block->address = NULL;
}

APART static void site_free_sized(struct block *block)
{
	extra.free_sized(block->address, books_sizes[block->size]);
	books__free(block);
	block->address = NULL;
}

/* None of these allocates anything, and the block stays as it is. */
APART static void site_failures(struct block *block)
{
	volatile size_t huge = SIZE_MAX / 2, count = SIZE_MAX / 4;
	void *nothing = &extra;

	books__must_fail(posix_memalign(&nothing, 64, huge) == 0 || nothing != &extra);
	books__must_fail(aligned_alloc(64, huge) || valloc(huge));
	books__must_fail(reallocarray(NULL, count, 8) || reallocarray(block->address, count, 8));
	books__must_fail(malloc(huge) || calloc(count, 8) || calloc(2, huge));
	books__must_fail(realloc(NULL, huge) || realloc(block->address, huge));
	free(NULL);
}

static void allocate(struct block *block, uint64_t *random)
{
	static void (*const ways[])(struct block *, uint32_t) = {
		site_malloc,         site_calloc,        site_realloc_null,
		site_strdup,         site_aligned_alloc, site_memalign,
		site_posix_memalign, site_valloc,        site_pvalloc,
	};
	uint32_t way = books__random(random) % COUNT(ways);
	uint32_t size = books__random(random) % BOOKS_SIZES;

	if (ways[way] == site_pvalloc && !extra.pvalloc)
		way = 0;
	ways[way](block, size);
}

static void give_back(struct block *block, uint32_t way)
{
	if (way == 0 && extra.cfree)
		site_cfree(block);
	else if (way == 1 && extra.vfree)
		site_vfree(block);
	else if (way == 2 && extra.free_sized && block->kind == PLAIN)
		site_free_sized(block);
	else
		site_free(block);
}

static void resize(struct block *block, uint32_t way, uint32_t to)
{
	if (way == 0 && extra.reallocf)
		site_reallocf(block, to);
	else if (way < 2)
		site_reallocarray(block, to);
	else if (to > block->size)
		site_realloc_grow(block, to);
	else
		site_realloc_shrink(block, to);
	block->kind = PLAIN;
}

static void change(struct block *block, uint64_t *random)
{
	uint32_t to = books__random(random) % BOOKS_SIZES, way = books__random(random) % 128;

	/* Rare: mimalloc takes a millisecond to find out that it has no memory. */
	if (way == 127) {
		site_failures(block);
		return;
	}
	switch (way % 8) {
	case 0:
		site_realloc_zero(block);
		return;
	case 1:
	case 2:
	case 3:
		/* A size of 0 would be site_realloc_zero's. */
		if (to)
			resize(block, books__random(random) % 6, to);
		return;
	default:
		give_back(block, books__random(random) % 4);
	}
}

int main(int argc, char **argv)
{
	static const struct books_program program = {
		.sites = sites,
		.site_count = COUNT(sites),
		.prepare = prepare,
		.allocate = allocate,
		.change = change,
		.give_back = site_free,
	};

#ifdef __GLIBC__
	memset(text, 'x', sizeof(text) - 1);
#endif
	return books__run(&program, argc, argv);
}
