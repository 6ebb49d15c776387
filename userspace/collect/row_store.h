/* SPDX-License-Identifier: Apache-2.0 */
/* Unwind rows in the kernel's maps (see bpf/wire.h): which pages, rows and rules are taken. */
#ifndef EXOPROF_ROW_STORE_H
#define EXOPROF_ROW_STORE_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unwind/cfi.h"
#include "wire.h"

struct exoprof_bpf;
struct row_store;

/* Addresses of code in whole pages, as a file's headers count, end excluded. */
struct window {
	uint64_t start, end;
};

/* Of one file. All zero: none. */
struct stored_rows {
	uint32_t first_page, page_count;
	uint64_t base; /* where page 0 begins */
	struct wire_unwind_page *pages;
	uint32_t *rules; /* numbers that are held */
	size_t rule_count, rule_capacity;
	uint64_t row_count;
};

/* How much more there would have to be. */
struct room {
	uint32_t pages, rows, rules;
};

struct row_store *row_store__new(struct exoprof_bpf *skel); /* NULL with errno set */
void row_store__free(struct row_store *store);              /* NULL is fine */

/* Stores the rows of the window, for the kernel side to find once they are published. Nothing is
 * kept where it fails: -ENOSPC where it is for want of room, -EFBIG where the file would never get
 * as much, -errno. A rule that there was no room for stands for none. `lack` says what there was no
 * room for. */
int row_store__put(struct row_store *store, const struct cfi_table *table,
		   const struct window *window, struct stored_rows *rows, struct room *lack);

/* Gives rows back, which no walk can be using any more, and clears them. */
void row_store__give_back(struct row_store *store, struct stored_rows *rows);

/* Whether there is this much room, as far as that can be told before it is tried. */
bool row_store__has_room(const struct row_store *store, const struct room *room);

/* The kernel side knows from here on what was put. 0 or -errno. */
int row_store__publish(struct row_store *store);

/* Returns once every walk that had begun before has ended. 0, or -errno where that is not sure. */
int row_store__wait_for_walks(struct row_store *store);

/* Gives kernel memory back that holds no rows, some of it each time: it takes the kernel long. */
void row_store__shrink(struct row_store *store);

struct row_store_size {
	uint64_t rows, blocks, pages, rules;
};

void row_store__size(const struct row_store *store, struct row_store_size *size);

#endif
