// SPDX-License-Identifier: Apache-2.0
#include "collect/row_store.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/ranges.h"
#include "base/search.h"
#include "base/shares.h"
#include "collect/internal.h"

/* What one file may add to the pages and rules of all: 1 GiB of code, and twice as many rules as
 * libLLVM has. A hostile one would leave none to the others. */
#define FILE_PAGES_MAX (WIRE_PAGES_MAX / 4)
#define FILE_RULES_MAX 2048

/* Blocks given back at a time: before Linux 6.8 each makes the kernel wait by itself, 10 to 30 ms.
 */
#define SHRINK_MAX     16

struct row_store {
	struct exoprof_bpf *skel;
	struct shares *rules;
	struct ranges *pages;     /* one chunk */
	struct ranges *rows;      /* a block is a chunk */
	int fds[WIRE_BLOCKS_MAX]; /* -1: there is no such block */
	uint32_t block_count;
	__u32 new_numbers[WIRE_BLOCKS_MAX]; /* the kernel side does not know them yet */
	uint32_t new_count;
	struct wire_unwind_block *copy; /* of the block that is written to */
	uint32_t copied;                /* which that is; WIRE_BLOCKS_MAX: none */
	uint64_t row_count;
};

/* The first rule says that nothing is known; it is there always, with the number 0. */
static int hold_no_rule(struct row_store *store)
{
	static const struct wire_unwind_rule none;
	bool is_new;
	int64_t number = shares__take(store->rules, &none, sizeof(none), &is_new);

	return number < 0 ? number : 0;
}

struct row_store *row_store__new(struct exoprof_bpf *skel)
{
	struct row_store *store = calloc(1, sizeof(*store));

	if (!store)
		return NULL;
	store->skel = skel;
	store->copied = WIRE_BLOCKS_MAX;
	memset(store->fds, -1, sizeof(store->fds));
	store->rules = shares__new(WIRE_RULES_MAX);
	store->pages = ranges__new(1, WIRE_PAGES_MAX);
	store->rows = ranges__new(WIRE_BLOCKS_MAX, WIRE_BLOCK_ROWS);
	store->copy = calloc(1, sizeof(*store->copy));
	if (store->rules && store->pages && store->rows && store->copy && !hold_no_rule(store))
		return store;
	row_store__free(store);
	errno = ENOMEM;
	return NULL;
}

void row_store__free(struct row_store *store)
{
	if (!store)
		return;
	for (size_t i = 0; i < WIRE_BLOCKS_MAX; i++) {
		if (store->fds[i] >= 0)
			close(store->fds[i]);
	}
	shares__free(store->rules);
	ranges__free(store->pages);
	ranges__free(store->rows);
	free(store->copy);
	free(store);
}

static int flush_copy(struct row_store *store)
{
	__u32 zero = 0;

	if (store->copied == WIRE_BLOCKS_MAX)
		return 0;
	/* Rows that are in use are written as they are. */
	return bpf_map_update_elem(store->fds[store->copied], &zero, store->copy, BPF_ANY);
}

/* A block is for the kernel side to find only when it is published. */
static int add_block(struct row_store *store, uint32_t number)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "unwind_block", sizeof(__u32),
				sizeof(struct wire_unwind_block), 1, NULL);

	if (fd < 0)
		return fd;
	store->fds[number] = fd;
	store->block_count++;
	store->new_numbers[store->new_count++] = number;
	return 0;
}

/* From here on the copy is that block's. */
static int copy_block(struct row_store *store, uint32_t number)
{
	__u32 zero = 0;
	int err;

	if (store->copied == number)
		return 0;
	err = flush_copy(store);
	store->copied = WIRE_BLOCKS_MAX;
	if (!err && store->fds[number] < 0)
		err = add_block(store, number);
	if (!err)
		err = bpf_map_lookup_elem(store->fds[number], &zero, store->copy);
	if (!err)
		store->copied = number;
	return err;
}

/* All at once where the kernel can: each update of a map in a map waits until no program can be
 * using what was there before, 10 to 30 ms. */
static int set_blocks(struct row_store *store, const __u32 *numbers, const int *fds, uint32_t count)
{
	int outer = bpf_map__fd(store->skel->maps.unwind_blocks);
	__u32 done = count;
	int err = 0;

	if (!count || !bpf_map_update_batch(outer, numbers, fds, &done, NULL))
		return 0;
	for (uint32_t i = 0; i < count && !err; i++)
		err = bpf_map_update_elem(outer, &numbers[i], &fds[i], BPF_ANY);
	return err;
}

int row_store__publish(struct row_store *store)
{
	int fds[WIRE_BLOCKS_MAX];
	int err;

	for (uint32_t i = 0; i < store->new_count; i++)
		fds[i] = store->fds[store->new_numbers[i]];
	err = set_blocks(store, store->new_numbers, fds, store->new_count);
	if (!err)
		store->new_count = 0;
	return err;
}

static bool is_published(const struct row_store *store, uint32_t number)
{
	for (uint32_t i = 0; i < store->new_count; i++) {
		if (store->new_numbers[i] == number)
			return false;
	}
	return store->fds[number] >= 0;
}

/* To replace a map in a map, be it by itself, makes the kernel wait for the programs that may have
 * found it (maybe_wait_bpf_programs() in kernel/bpf/syscall.c), which are all those that walk: the
 * only one that sleeps, the iterator over threads, runs while this thread reads it. */
int row_store__wait_for_walks(struct row_store *store)
{
	int outer = bpf_map__fd(store->skel->maps.unwind_blocks);

	for (__u32 number = 0; number < WIRE_BLOCKS_MAX; number++) {
		if (is_published(store, number))
			return bpf_map_update_elem(outer, &number, &store->fds[number], BPF_ANY);
	}
	/* There are no rows that a walk could be using. */
	return 0;
}

/* What is not wanted any more has the spare one in its place: nothing refers to its rows. */
void row_store__shrink(struct row_store *store)
{
	__u32 numbers[SHRINK_MAX];
	int fds[SHRINK_MAX], spare = -1;
	uint32_t count = 0;

	for (uint32_t i = 0; i < WIRE_BLOCKS_MAX && count < SHRINK_MAX; i++) {
		if (!is_published(store, i) || !ranges__chunk_is_free(store->rows, i))
			continue;
		if (spare >= 0) {
			fds[count] = spare;
			numbers[count++] = i;
		} else {
			spare = store->fds[i];
		}
	}
	if (set_blocks(store, numbers, fds, count))
		return;
	for (uint32_t i = 0; i < count; i++) {
		if (store->copied == numbers[i])
			store->copied = WIRE_BLOCKS_MAX;
		close(store->fds[numbers[i]]);
		store->fds[numbers[i]] = -1;
	}
	store->block_count -= count;
}

/* Rows of a file on their way into pages. */
struct packing {
	struct row_store *store;
	const struct cfi_table *table;
	struct window window;
	struct stored_rows *rows;
	uint16_t *rule_numbers; /* the table's rules -> the kernel's */
	size_t next, end;       /* rows: the first that is not in a page yet, and behind the last */
	uint16_t carried;       /* the rule that holds where the next page begins */
	struct room lack;
};

static size_t first_row_from(const struct cfi_table *table, uint64_t vaddr)
{
	return search_lower_bound(i, table->row_count, table->rows[i].vaddr < vaddr);
}

/* Holds the number that a rule has in the kernel's list of rules. */
static int hold_rule(struct packing *packing, const struct wire_unwind_rule *rule, uint16_t *number)
{
	struct row_store *store = packing->store;
	struct stored_rows *rows = packing->rows;
	bool is_new;
	int64_t taken = shares__take(store->rules, rule, sizeof(*rule), &is_new);
	__u32 key = taken;
	int err;

	if (taken < 0) {
		packing->lack.rules += taken == -ENOSPC;
		return taken == -ENOSPC ? 0 : taken;
	}
	err = array_append(&rows->rules, &rows->rule_count, &rows->rule_capacity, key);
	if (err) {
		shares__put(store->rules, key);
		return err;
	}
	*number = key;
	return is_new ? bpf_map_update_elem(bpf_map__fd(store->skel->maps.unwind_rules), &key, rule,
					    BPF_ANY)
		      : 0;
}

/* Those of the rows that are wanted. What is too many stands for none. */
static int number_rules(struct packing *packing)
{
	const struct cfi_table *table = packing->table;
	bool *is_numbered = calloc(table->rule_count, sizeof(*is_numbered));
	uint32_t before = shares__count(packing->store->rules);
	int err = is_numbered ? 0 : -ENOMEM;

	for (size_t i = packing->next ? packing->next - 1 : 0; i < packing->end && !err; i++) {
		uint32_t rule = table->rows[i].rule;

		if (is_numbered[rule])
			continue;
		is_numbered[rule] = true;
		if (shares__count(packing->store->rules) - before < FILE_RULES_MAX)
			err = hold_rule(packing, &table->rules[rule], &packing->rule_numbers[rule]);
	}
	free(is_numbered);
	return err;
}

/* The rows of the window, and the rule that holds where it begins. */
static int choose_rows(struct packing *packing)
{
	const struct cfi_table *table = packing->table;
	int err;

	packing->next = first_row_from(table, packing->window.start);
	packing->end = first_row_from(table, packing->window.end);
	packing->rule_numbers = calloc(table->rule_count, sizeof(*packing->rule_numbers));
	if (!packing->rule_numbers)
		return -ENOMEM;
	err = number_rules(packing);
	/* Before the first row there is no information. */
	if (packing->next)
		packing->carried = packing->rule_numbers[table->rows[packing->next - 1].rule];
	return err;
}

static size_t rows_in_page(const struct packing *packing, uint64_t end)
{
	size_t row = packing->next;

	while (row < packing->end && packing->table->rows[row].vaddr < end)
		row++;
	return row - packing->next;
}

/* Puts the next `count` rows of the page that begins at `start` behind `to`. */
static void write_rows(struct packing *packing, uint64_t start, size_t count,
		       struct wire_unwind_row *to)
{
	for (size_t i = 0; i < count; i++) {
		const struct cfi_row *from = &packing->table->rows[packing->next++];

		packing->carried = packing->rule_numbers[from->rule];
		*to++ = (struct wire_unwind_row){
			.pc_low = from->vaddr - start,
			.rule = packing->carried,
		};
	}
}

/* Puts the rows of the page that begins at `start` into a block. A page's own first row is the rule
 * that comes in from the page before it; it may be as many as the page has bytes. */
static int pack_page(struct packing *packing, uint64_t start, struct wire_unwind_page *page)
{
	struct row_store *store = packing->store;
	size_t count = rows_in_page(packing, start + (1 << WIRE_PAGE_SHIFT));
	bool begins_with_row = count && packing->table->rows[packing->next].vaddr == start;
	size_t needed = count + !begins_with_row;
	int64_t place = ranges__take(store->rows, needed);
	struct wire_unwind_row *rows;
	int err;

	if (place < 0)
		return place;
	err = copy_block(store, place / WIRE_BLOCK_ROWS);
	if (err) {
		ranges__give(store->rows, place, needed);
		return err;
	}
	page->block = place / WIRE_BLOCK_ROWS;
	page->first = place % WIRE_BLOCK_ROWS;
	page->last = page->first + needed - 1;
	rows = &store->copy->rows[page->first];
	if (!begins_with_row)
		*rows++ = (struct wire_unwind_row){.rule = packing->carried};
	write_rows(packing, start, count, rows);
	packing->rows->row_count += needed;
	return 0;
}

/* The pages that have rows, of those that are in the window. */
static uint64_t count_pages(const struct packing *packing, uint64_t *first)
{
	const struct cfi_row *rows = packing->table->rows;
	uint64_t last = packing->window.end >> WIRE_PAGE_SHIFT;

	*first = packing->window.start >> WIRE_PAGE_SHIFT;
	if (!packing->next) {
		if (packing->next == packing->end)
			return 0;
		*first = rows[0].vaddr >> WIRE_PAGE_SHIFT;
	}
	/* The table's last row says that nothing is known from there on. */
	if (packing->end == packing->table->row_count) {
		if (packing->next == packing->end)
			return 0;
		last = (rows[packing->end - 1].vaddr >> WIRE_PAGE_SHIFT) + 1;
	}
	return last - *first;
}

static int take_pages(struct packing *packing, uint64_t count)
{
	struct stored_rows *rows = packing->rows;
	int64_t first;

	if (count > FILE_PAGES_MAX)
		return -EFBIG;
	rows->pages = calloc(count, sizeof(*rows->pages));
	if (!rows->pages)
		return -ENOMEM;
	first = ranges__take(packing->store->pages, count);
	if (first < 0)
		return first;
	rows->first_page = first;
	rows->page_count = count;
	return 0;
}

static int pack(struct packing *packing)
{
	struct row_store *store = packing->store;
	struct stored_rows *rows = packing->rows;
	int pages_fd = bpf_map__fd(store->skel->maps.unwind_pages);
	int err = choose_rows(packing);
	uint64_t first, count = err ? 0 : count_pages(packing, &first);
	uint32_t packed = 0;

	if (!count)
		return err;
	packing->lack.pages = count;
	packing->lack.rows = packing->end - packing->next + count;
	err = take_pages(packing, count);
	rows->base = first << WIRE_PAGE_SHIFT;
	for (; packed < count && !err; packed++) {
		struct wire_unwind_page *page = &rows->pages[packed];
		__u32 key = rows->first_page + packed;

		err = pack_page(packing, (first + packed) << WIRE_PAGE_SHIFT, page);
		if (!err)
			err = bpf_map_update_elem(pages_fd, &key, page, BPF_ANY);
	}
	return err ? err : flush_copy(store);
}

int row_store__put(struct row_store *store, const struct cfi_table *table,
		   const struct window *window, struct stored_rows *rows, struct room *lack)
{
	struct packing packing = {
		.store = store,
		.table = table,
		.window = *window,
		.rows = rows,
	};
	int err;

	*rows = (struct stored_rows){};
	err = pack(&packing);
	store->row_count += rows->row_count;
	free(packing.rule_numbers);
	*lack = (struct room){};
	if (!err)
		lack->rules = packing.lack.rules;
	else
		row_store__give_back(store, rows);
	if (err == -ENOSPC)
		*lack = packing.lack;
	return err;
}

void row_store__give_back(struct row_store *store, struct stored_rows *rows)
{
	uint64_t left = rows->row_count;

	/* Of one that came to nothing the last pages have no rows yet. */
	for (uint32_t i = 0; i < rows->page_count && left; i++) {
		const struct wire_unwind_page *page = &rows->pages[i];
		uint32_t count = page->last - page->first + 1;

		ranges__give(store->rows, page->block * WIRE_BLOCK_ROWS + page->first, count);
		left -= count;
	}
	if (rows->page_count)
		ranges__give(store->pages, rows->first_page, rows->page_count);
	for (size_t i = 0; i < rows->rule_count; i++)
		shares__put(store->rules, rows->rules[i]);
	store->row_count -= rows->row_count;
	free(rows->pages);
	free(rows->rules);
	*rows = (struct stored_rows){};
}

bool row_store__has_room(const struct row_store *store, const struct room *room)
{
	return ranges__longest(store->pages) >= room->pages &&
	       ranges__left(store->rows) >= room->rows &&
	       WIRE_RULES_MAX - shares__count(store->rules) >= room->rules;
}

void row_store__size(const struct row_store *store, struct row_store_size *size)
{
	*size = (struct row_store_size){
		.rows = store->row_count,
		.blocks = store->block_count,
		.pages = WIRE_PAGES_MAX - ranges__left(store->pages),
		.rules = shares__count(store->rules),
	};
}
