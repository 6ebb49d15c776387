/* SPDX-License-Identifier: Apache-2.0 */
/* What programs share that keep books of their own heap, to be held against a profile: by call
 * site, what was allocated and what of it is still there. Each site is a function of its own whose
 * name begins with site_, and what it did is booked inside it, so that no call is a tail call. The
 * books are no part of the heap.
 *
 * PROGRAM [--now] [--threads N] [--ops N | --seconds N] [--seed N] [--slots N] [--touch]
 *         [--exit STATUS]
 *
 * Says "ready" and waits for a byte on stdin (not with --now), does N operations in each thread, or
 * goes on for N seconds, and prints, of sites those that allocated,
 *
 *   site NAME ALLOC_OBJECTS ALLOC_BYTES INUSE_OBJECTS INUSE_BYTES
 *   size BYTES ALLOC_OBJECTS INUSE_OBJECTS
 *
 * and "end". It stays until stdin ends (not with --now); another byte before that, and it gives
 * back all it has. With --touch it writes to every page that it is given. */
#ifndef BOOKS_H
#define BOOKS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define APART        __attribute__((noipa))

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

#define BOOKS_SIZES  17

/* Bytes, growing: from nothing at all to what glibc maps by itself. */
extern const uint32_t books_sizes[BOOKS_SIZES];

struct block {
	void *address; /* NULL: none */
	uint16_t size; /* index into books_sizes */
	uint16_t site; /* that it is from: index into the program's */
	uint32_t kind; /* the program's own: which ways to give it back fit */
};

/* An operation takes a slot: what is in it is changed or given back, else there is a new block. */
struct books_program {
	const char *const *sites; /* their names */
	size_t site_count;
	void (*prepare)(void); /* when "ready" is said; NULL: nothing to do */
	void (*allocate)(struct block *block, uint64_t *random);
	/* Where it gives the block back it leaves a NULL address. */
	void (*change)(struct block *block, uint64_t *random);
	void (*give_back)(struct block *block);
};

/* The program's main. */
int books__run(const struct books_program *program, int argc, char **argv);

/* The block has its address: books it, at a site of the program's. */
void books__alloc(struct block *block, unsigned int site, uint32_t size);

/* Books that the block is gone. */
void books__free(const struct block *block);

/* What a realloc did that gave `address`. NULL: the old block is gone. */
void books__realloc(struct block *block, void *address, unsigned int site, uint32_t size);

/* Which of the sizes has so many bytes; there must be one. */
uint32_t books__size_of(size_t bytes);

/* The address; the program ends where it is NULL. */
void *books__must(void *address);

/* Ends the program where a call that must fail did not. */
void books__must_fail(int succeeded);

/* Each thread's own fixed sequence. */
uint32_t books__random(uint64_t *state);

#ifdef __cplusplus
}
#endif

#endif
