/* SPDX-License-Identifier: Apache-2.0 */
/* late: a program of glibc's malloc to which another allocator comes. It waits for a byte before
 * everything else, opens libjemalloc for itself alone (the rest goes on with glibc's malloc), says
 * "loaded", and goes on as books does, with blocks from both.
 *
 * jemalloc's thread-local variables must be where glibc has room for those of the libraries from
 * the start; it has too little (1664 bytes; glibc 2.36) without
 * GLIBC_TUNABLES=glibc.rtld.optional_static_tls=BYTES in the environment. */
#include "books.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum site {
	SITE_LATE_MALLOC,
	SITE_LATE_CALLOC,
	SITE_LATE_REALLOC,
	SITE_GLIBC_MALLOC,
};

static const char *const sites[] = {
	"site_late_malloc",
	"site_late_calloc",
	"site_late_realloc",
	"site_glibc_malloc",
};

static struct {
	void *(*malloc)(size_t size);
	void *(*calloc)(size_t count, size_t size);
	void *(*realloc)(void *old, size_t size);
	void (*free)(void *address);
} late;

/* Of a block: whose it is. */
enum kind { LATE, GLIBC };

static void prepare(void)
{
	void *library;
	char byte;

	if (read(STDIN_FILENO, &byte, 1) != 1)
		_exit(2);
	library = dlopen("libjemalloc.so.2", RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		fprintf(stderr, "late: %s\n", dlerror());
		_exit(94);
	}
	late.malloc = books__must(dlsym(library, "malloc"));
	late.calloc = books__must(dlsym(library, "calloc"));
	late.realloc = books__must(dlsym(library, "realloc"));
	late.free = books__must(dlsym(library, "free"));
	puts("loaded");
	fflush(stdout);
}

APART static void site_late_malloc(struct block *block, uint32_t size)
{
	block->address = books__must(late.malloc(books_sizes[size]));
	block->kind = LATE;
	books__alloc(block, SITE_LATE_MALLOC, size);
}

APART static void site_late_calloc(struct block *block, uint32_t size)
{
	block->address = books__must(late.calloc(1, books_sizes[size]));
	block->kind = LATE;
	books__alloc(block, SITE_LATE_CALLOC, size);
}

APART static void site_late_realloc(struct block *block, uint32_t size)
{
	void *address = books__must(late.realloc(block->address, books_sizes[size]));

	books__realloc(block, address, SITE_LATE_REALLOC, size);
}

APART static void site_glibc_malloc(struct block *block, uint32_t size)
{
	block->address = books__must(malloc(books_sizes[size]));
	block->kind = GLIBC;
	books__alloc(block, SITE_GLIBC_MALLOC, size);
}

APART static void site_late_free(struct block *block)
{
	late.free(block->address);
	books__free(block);
	block->address = NULL;
}

APART static void site_glibc_free(struct block *block)
{
	free(block->address);
	books__free(block);
	block->address = NULL;
}

static void allocate(struct block *block, uint64_t *random)
{
	static void (*const ways[])(struct block *, uint32_t) = {
		site_late_malloc,
		site_late_calloc,
		site_glibc_malloc,
	};
	uint32_t way = books__random(random) % COUNT(ways);

	ways[way](block, books__random(random) % BOOKS_SIZES);
}

static void give_back(struct block *block)
{
	if (block->kind == LATE)
		site_late_free(block);
	else
		site_glibc_free(block);
}

static void change(struct block *block, uint64_t *random)
{
	uint32_t to = books__random(random) % BOOKS_SIZES;

	/* Of 0 bytes it might give the block back. */
	if (block->kind == LATE && to % 2)
		site_late_realloc(block, to);
	else
		give_back(block);
}

int main(int argc, char **argv)
{
	static const struct books_program program = {
		.sites = sites,
		.site_count = COUNT(sites),
		.prepare = prepare,
		.allocate = allocate,
		.change = change,
		.give_back = give_back,
	};

	return books__run(&program, argc, argv);
}
