/* SPDX-License-Identifier: Apache-2.0 */
#include "books.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SITES_MAX   32
#define THREADS_MAX 64
#define SLOTS_MAX   16384
#define LOCKS       64
#define PAGE_BYTES  4096

const uint32_t books_sizes[BOOKS_SIZES] = {0,    1,    8,    16,   24,    48,    100,   256,   1000,
					   1032, 4096, 5000, 9999, 10240, 16384, 65536, 200000};

struct book {
	int64_t alloc_objects, alloc_bytes, inuse_objects, inuse_bytes;
};

/* Of one thread. What it gave back for another is in use less than nothing here: only the sums over
 * all threads mean something. */
struct books {
	struct book by_site[SITES_MAX], by_size[BOOKS_SIZES];
} __attribute__((aligned(64)));

/* The first is the main thread's. */
static struct books all_books[1 + THREADS_MAX];
static __thread struct books *my_books = &all_books[0];

/* Where blocks live: taken by one thread, given back by another. */
static struct block slots[SLOTS_MAX];
static pthread_mutex_t locks[LOCKS];

static const struct books_program *program;
static int wait_for_bytes = 1, exit_status = 0, touch_pages = 0;
static unsigned int seconds; /* 0: operations count */
static time_t end_s;
static unsigned int thread_count = 4, operations = 20000, slot_count = 2048;
static uint64_t seed = 0;

static void book(struct book *of, uint32_t bytes, int objects, int gone)
{
	of->alloc_objects += objects;
	of->alloc_bytes += (int64_t)bytes * objects;
	of->inuse_objects += objects - gone;
	of->inuse_bytes += (int64_t)bytes * (objects - gone);
}

static void touch(const struct block *block)
{
	for (size_t at = 0; at < books_sizes[block->size]; at += PAGE_BYTES)
		((volatile char *)block->address)[at] = 1;
}

void books__alloc(struct block *block, unsigned int site, uint32_t size)
{
	block->site = site;
	block->size = size;
	book(&my_books->by_site[site], books_sizes[size], 1, 0);
	book(&my_books->by_size[size], books_sizes[size], 1, 0);
	if (touch_pages)
		touch(block);
}

void books__free(const struct block *block)
{
	book(&my_books->by_site[block->site], books_sizes[block->size], 0, 1);
	book(&my_books->by_size[block->size], books_sizes[block->size], 0, 1);
}

void books__realloc(struct block *block, void *address, unsigned int site, uint32_t size)
{
	books__free(block);
	block->address = address;
	if (address)
		books__alloc(block, site, size);
}

uint32_t books__size_of(size_t bytes)
{
	for (uint32_t size = 0; size < BOOKS_SIZES; size++) {
		if (books_sizes[size] == bytes)
			return size;
	}
	fprintf(stderr, "books: nothing has %zu bytes\n", bytes);
	_exit(95);
}

void *books__must(void *address)
{
	if (!address) {
		fputs("books: out of memory\n", stderr);
		_exit(99);
	}
	return address;
}

void books__must_fail(int succeeded)
{
	if (succeeded) {
		fputs("books: a call that must fail did not\n", stderr);
		_exit(97);
	}
}

/* xorshift64* (Vigna 2016) */
uint32_t books__random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL >> 32;
}

static struct block swap_slot(uint32_t slot, struct block block)
{
	pthread_mutex_t *lock = &locks[slot % LOCKS];
	struct block old;

	pthread_mutex_lock(lock);
	old = slots[slot];
	slots[slot] = block;
	pthread_mutex_unlock(lock);
	return old;
}

/* Takes whatever is in a slot, whoever put it there, and leaves a block or nothing. */
static void operate(uint64_t *random)
{
	uint32_t slot = books__random(random) % slot_count;
	struct block block = swap_slot(slot, (struct block){});

	if (block.address)
		program->change(&block, random);
	else
		program->allocate(&block, random);
	if (!block.address)
		return;
	block = swap_slot(slot, block);
	/* Another thread was there in the meantime. */
	if (block.address)
		program->give_back(&block);
}

static void *worker(void *argument)
{
	uintptr_t number = (uintptr_t)argument;
	uint64_t random = 0x9e3779b97f4a7c15ULL * (seed * THREADS_MAX + number + 1);

	my_books = &all_books[1 + number];
	for (unsigned int i = 0; seconds || i < operations; i++) {
		/* Not at each: it is a system call on some machines. */
		if (seconds && i % 256 == 0 && time(NULL) >= end_s)
			break;
		operate(&random);
	}
	return NULL;
}

static void work(void)
{
	pthread_t threads[THREADS_MAX];

	end_s = time(NULL) + seconds;

	for (uintptr_t i = 0; i < thread_count; i++) {
		if (pthread_create(&threads[i], NULL, worker, (void *)i))
			_exit(96);
	}
	for (unsigned int i = 0; i < thread_count; i++)
		pthread_join(threads[i], NULL);
}

static void say(const char *text)
{
	puts(text);
	fflush(stdout);
}

static void add(struct book *sum, const struct book *book)
{
	sum->alloc_objects += book->alloc_objects;
	sum->alloc_bytes += book->alloc_bytes;
	sum->inuse_objects += book->inuse_objects;
	sum->inuse_bytes += book->inuse_bytes;
}

static void print_books(void)
{
	static struct books sums;

	for (unsigned int thread = 0; thread <= thread_count; thread++) {
		for (int i = 0; i < SITES_MAX; i++)
			add(&sums.by_site[i], &all_books[thread].by_site[i]);
		for (int i = 0; i < BOOKS_SIZES; i++)
			add(&sums.by_size[i], &all_books[thread].by_size[i]);
	}
	for (size_t i = 0; i < program->site_count; i++) {
		const struct book *of = &sums.by_site[i];

		if (of->alloc_objects)
			printf("site %s %lld %lld %lld %lld\n", program->sites[i],
			       (long long)of->alloc_objects, (long long)of->alloc_bytes,
			       (long long)of->inuse_objects, (long long)of->inuse_bytes);
	}
	for (int i = 0; i < BOOKS_SIZES; i++)
		printf("size %u %lld %lld\n", books_sizes[i],
		       (long long)sums.by_size[i].alloc_objects,
		       (long long)sums.by_size[i].inuse_objects);
	say("end");
}

static void give_all_back(void)
{
	for (unsigned int i = 0; i < slot_count; i++) {
		if (slots[i].address)
			program->give_back(&slots[i]);
	}
	say("given back");
}

/* Whether the options are good. */
static int parse(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--now"))
			wait_for_bytes = 0;
		else if (!strcmp(argv[i], "--touch"))
			touch_pages = 1;
		else if (i + 1 == argc)
			return 0;
		else if (!strcmp(argv[i], "--threads"))
			thread_count = atoi(argv[++i]);
		else if (!strcmp(argv[i], "--ops"))
			operations = atoi(argv[++i]);
		else if (!strcmp(argv[i], "--seconds"))
			seconds = atoi(argv[++i]);
		else if (!strcmp(argv[i], "--seed"))
			seed = atoi(argv[++i]);
		else if (!strcmp(argv[i], "--slots"))
			slot_count = atoi(argv[++i]);
		else if (!strcmp(argv[i], "--exit"))
			exit_status = atoi(argv[++i]);
		else
			return 0;
	}
	return thread_count <= THREADS_MAX && 0 < slot_count && slot_count <= SLOTS_MAX;
}

int books__run(const struct books_program *of, int argc, char **argv)
{
	char byte;

	program = of;
	if (!parse(argc, argv) || program->site_count > SITES_MAX)
		return 2;
	for (int i = 0; i < LOCKS; i++)
		pthread_mutex_init(&locks[i], NULL);
	if (wait_for_bytes)
		say("ready");
	if (program->prepare)
		program->prepare();
	if (wait_for_bytes && read(STDIN_FILENO, &byte, 1) != 1)
		return 2;
	work();
	print_books();
	while (wait_for_bytes && read(STDIN_FILENO, &byte, 1) == 1)
		give_all_back();
	return exit_status;
}
