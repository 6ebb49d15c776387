/* SPDX-License-Identifier: Apache-2.0 */
/* A program that keeps its own books of its heap, to be held against a profile: by call site, what
 * was allocated and what of it is still there. Each site is a function of its own, and what it did
 * is booked inside it, so that no call is a tail call. The books are no part of the heap.
 *
 * books [--now] [--ops N] [--exit STATUS]
 * Waits for a byte on stdin (not with --now), does N operations in each thread, prints
 *   site NAME ALLOC_OBJECTS ALLOC_BYTES INUSE_OBJECTS INUSE_BYTES
 *   size BYTES ALLOC_OBJECTS INUSE_OBJECTS
 * and "end", and stays until stdin ends (not with --now); another byte before that, and it gives
 * back all it has. */
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define APART   __attribute__((noipa))
#define THREADS 4
#define SLOTS   2048

enum site {
	SITE_MALLOC,
	SITE_CALLOC,
	SITE_REALLOC_GROW,
	SITE_REALLOC_SHRINK,
	SITE_REALLOC_NULL,
	SITE_STRDUP,
	SITE_ALIGNED_ALLOC,
	SITE_MEMALIGN,
	SITE_POSIX_MEMALIGN,
	SITE_VALLOC,
	SITE_PVALLOC,
	SITE_REALLOCARRAY,
	SITES,
};

/* As a profile names the caller of the allocator: of strdup's blocks, that is strdup. */
static const char *const site_names[SITES] = {
	"site_malloc",         "site_calloc", "site_realloc_grow",  "site_realloc_shrink",
	"site_realloc_null",   "strdup",      "site_aligned_alloc", "site_memalign",
	"site_posix_memalign", "site_valloc", "site_pvalloc",       "site_reallocarray",
};

/* From nothing at all to what glibc maps by itself. */
static const uint32_t sizes[] = {0,    1,    8,    16,   24,    100,   256,   1000,
				 1032, 4096, 5000, 9999, 10240, 16384, 65536, 200000};

#define SIZES (sizeof(sizes) / sizeof(*sizes))

struct book {
	_Atomic int64_t alloc_objects, alloc_bytes, inuse_objects, inuse_bytes;
};

static struct book by_site[SITES], by_size[SIZES];

struct block {
	void *address; /* NULL: none */
	uint32_t size; /* index into sizes */
	enum site site;
};

/* Where blocks live: taken by one thread, given back by another. */
static struct block slots[SLOTS];
static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned int operations = 20000;

/* Of any length, by its tail. */
static char text[200000];

static void book(struct book *of, uint32_t bytes, int objects, int gone)
{
	of->alloc_objects += objects;
	of->alloc_bytes += (int64_t)bytes * objects;
	of->inuse_objects += objects - gone;
	of->inuse_bytes += (int64_t)bytes * (objects - gone);
}

static void book_alloc(struct block *block, enum site site, uint32_t size)
{
	block->site = site;
	block->size = size;
	book(&by_site[site], sizes[size], 1, 0);
	book(&by_size[size], sizes[size], 1, 0);
}

static void book_free(const struct block *block)
{
	book(&by_site[block->site], sizes[block->size], 0, 1);
	book(&by_size[block->size], sizes[block->size], 0, 1);
}

static void *must(void *address)
{
	if (!address) {
		fputs("books: out of memory\n", stderr);
		_exit(99);
	}
	return address;
}

APART static void site_malloc(struct block *block, uint32_t size)
{
	block->address = must(malloc(sizes[size]));
	book_alloc(block, SITE_MALLOC, size);
}

APART static void site_calloc(struct block *block, uint32_t size)
{
	block->address =
		must(sizes[size] % 8 ? calloc(1, sizes[size]) : calloc(sizes[size] / 8, 8));
	book_alloc(block, SITE_CALLOC, size);
}

APART static void site_realloc_null(struct block *block, uint32_t size)
{
	block->address = must(realloc(NULL, sizes[size]));
	book_alloc(block, SITE_REALLOC_NULL, size);
}

APART static void site_strdup(struct block *block, uint32_t size)
{
	block->address = must(strdup(text + sizeof(text) - sizes[size]));
	book_alloc(block, SITE_STRDUP, size);
}

APART static void site_aligned_alloc(struct block *block, uint32_t size)
{
	block->address = must(aligned_alloc(64, sizes[size]));
	book_alloc(block, SITE_ALIGNED_ALLOC, size);
}

APART static void site_memalign(struct block *block, uint32_t size)
{
	block->address = must(memalign(512, sizes[size]));
	book_alloc(block, SITE_MEMALIGN, size);
}

APART static void site_posix_memalign(struct block *block, uint32_t size)
{
	void *address = NULL;

	if (posix_memalign(&address, 4096, sizes[size]))
		address = NULL;
	block->address = must(address);
	book_alloc(block, SITE_POSIX_MEMALIGN, size);
}

APART static void site_valloc(struct block *block, uint32_t size)
{
	block->address = must(valloc(sizes[size]));
	book_alloc(block, SITE_VALLOC, size);
}

APART static void site_pvalloc(struct block *block, uint32_t size)
{
	block->address = must(pvalloc(sizes[size]));
	book_alloc(block, SITE_PVALLOC, size);
}

APART static void site_reallocarray(struct block *block, uint32_t size)
{
	struct block old = *block;

	block->address = must(reallocarray(block->address, sizes[size], 1));
	book_free(&old);
	book_alloc(block, SITE_REALLOCARRAY, size);
}

APART static void site_realloc_grow(struct block *block, uint32_t size)
{
	struct block old = *block;

	block->address = must(realloc(block->address, sizes[size]));
	book_free(&old);
	book_alloc(block, SITE_REALLOC_GROW, size);
}

APART static void site_realloc_shrink(struct block *block, uint32_t size)
{
	struct block old = *block;

	block->address = must(realloc(block->address, sizes[size]));
	book_free(&old);
	book_alloc(block, SITE_REALLOC_SHRINK, size);
}

/* Gives the block back, as glibc has it, and returns NULL. */
APART static void site_realloc_zero(struct block *block)
{
	if (realloc(block->address, 0))
		_exit(98);
	book_free(block);
	block->address = NULL;
}

APART static void site_free(struct block *block)
{
	free(block->address);
	book_free(block);
	block->address = NULL;
}

/* None of these allocates anything, and the block stays as it is. */
APART static void site_failures(struct block *block)
{
	volatile size_t huge = SIZE_MAX / 2, count = SIZE_MAX / 4;
	void *nothing = &slots;

	if (posix_memalign(&nothing, 64, huge) == 0 || nothing != &slots ||
	    aligned_alloc(64, huge) || valloc(huge) || reallocarray(NULL, count, 8) ||
	    (block->address && reallocarray(block->address, count, 8)))
		_exit(96);
	if (malloc(huge) || calloc(count, 8) || calloc(2, huge) || realloc(NULL, huge) ||
	    (block->address && realloc(block->address, huge)))
		_exit(97);
	free(NULL);
}

/* xorshift64* (Vigna 2016): each thread's own fixed sequence. */
static uint32_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL >> 32;
}

static struct block swap_slot(uint32_t slot, struct block block)
{
	struct block old;

	pthread_mutex_lock(&slots_lock);
	old = slots[slot];
	slots[slot] = block;
	pthread_mutex_unlock(&slots_lock);
	return old;
}

static void allocate(struct block *block, uint64_t *random)
{
	static void (*const ways[])(struct block *, uint32_t) = {
		site_malloc,         site_calloc,        site_realloc_null,
		site_strdup,         site_aligned_alloc, site_memalign,
		site_posix_memalign, site_valloc,        site_pvalloc,
	};
	const uint32_t count = sizeof(ways) / sizeof(*ways);
	uint32_t way = next_random(random) % count, size = next_random(random) % SIZES;

	/* strdup's shortest text has its end. */
	if (ways[way] == site_strdup && !sizes[size])
		size = 1;
	ways[way](block, size);
}

static void change(struct block *block, uint64_t *random)
{
	uint32_t to = next_random(random) % SIZES;

	switch (next_random(random) % 8) {
	case 0:
		site_realloc_zero(block);
		return;
	case 1:
		site_failures(block);
		return;
	case 2:
		if (sizes[to])
			site_reallocarray(block, to);
		return;
	case 3:
	case 4:
		/* A size of 0 would be site_realloc_zero's. */
		if (sizes[to] > sizes[block->size])
			site_realloc_grow(block, to);
		else if (sizes[to])
			site_realloc_shrink(block, to);
		return;
	default:
		site_free(block);
	}
}

/* Takes whatever is in a slot, whoever put it there, and leaves a block or nothing. */
static void operate(uint64_t *random)
{
	uint32_t slot = next_random(random) % SLOTS;
	struct block block = swap_slot(slot, (struct block){});

	if (block.address)
		change(&block, random);
	else
		allocate(&block, random);
	if (!block.address)
		return;
	block = swap_slot(slot, block);
	/* Another thread was there in the meantime. */
	if (block.address)
		site_free(&block);
}

static void *worker(void *number)
{
	uint64_t random = 0x9e3779b97f4a7c15ULL * ((uintptr_t)number + 1);

	for (unsigned int i = 0; i < operations; i++)
		operate(&random);
	return NULL;
}

static void work(void)
{
	pthread_t threads[THREADS];

	for (uintptr_t i = 0; i < THREADS; i++) {
		if (pthread_create(&threads[i], NULL, worker, (void *)i))
			_exit(96);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void print_books(void)
{
	for (int i = 0; i < SITES; i++)
		printf("site %s %lld %lld %lld %lld\n", site_names[i],
		       (long long)by_site[i].alloc_objects, (long long)by_site[i].alloc_bytes,
		       (long long)by_site[i].inuse_objects, (long long)by_site[i].inuse_bytes);
	for (size_t i = 0; i < SIZES; i++)
		printf("size %u %lld %lld\n", sizes[i], (long long)by_size[i].alloc_objects,
		       (long long)by_size[i].inuse_objects);
	puts("end");
	fflush(stdout);
}

static void give_all_back(void)
{
	for (int i = 0; i < SLOTS; i++) {
		if (slots[i].address)
			site_free(&slots[i]);
	}
	puts("given back");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int wait = 1, status = 0;
	char byte;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--now"))
			wait = 0;
		else if (!strcmp(argv[i], "--ops") && i + 1 < argc)
			operations = atoi(argv[++i]);
		else if (!strcmp(argv[i], "--exit") && i + 1 < argc)
			status = atoi(argv[++i]);
		else
			return 2;
	}
	memset(text, 'x', sizeof(text) - 1);
	if (wait && read(STDIN_FILENO, &byte, 1) != 1)
		return 2;
	work();
	print_books();
	while (wait && read(STDIN_FILENO, &byte, 1) == 1)
		give_all_back();
	return status;
}
