// SPDX-License-Identifier: Apache-2.0
#include "collect/tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/shares.h"
#include "collect/eras.h"
#include "collect/file_rows.h"
#include "collect/internal.h"
#include "collect/mapping_pool.h"
#include "collect/row_store.h"
#include "unwind/cfi.h"

/* Runs of mappings that are not looked at for whether they are in use. */
#define RUNS_KEPT    64

/* Files that nothing maps keep their rows, for the next process that does: that many of them, with
 * that many rows (4 MiB), and as much again until it is looked at. */
#define FILES_KEPT   1024
#define ROWS_KEPT    (16UL * WIRE_BLOCK_ROWS)

/* Where there is no room, what nothing maps is given up at most so often, since each time waits for
 * the kernel, 10 to 30 ms; and a file that found none is tried again so often. */
#define MAKE_ROOM_MS 200
#define TRY_AGAIN_MS 10000

#define FILES_MAX    UINT32_MAX

/* Where a window ends at most: the last page of the address space is none. */
#define WINDOW_END   (UINT64_MAX & ~((1ULL << WIRE_PAGE_SHIFT) - 1))

/* Code in one file. */
struct loaded_file {
	bool is_there;
	struct window window; /* what was mapped of it, and has rows if there are any */
	struct stored_rows rows;
	struct room lack;   /* what there was no room for; all zero: nothing */
	uint64_t last_used; /* the number of that update */
};

struct tables {
	struct exoprof_bpf *skel;
	struct eras *eras;
	struct file_rows *file_rows;
	struct row_store *store;
	struct shares *file_ids;   /* build IDs, or the stamps of files without */
	struct loaded_file *files; /* by number */
	size_t file_capacity;
	struct stored_rows *replaced; /* rows that walks may still be using */
	size_t replaced_count, replaced_capacity;
	uint64_t let_go;     /* files, since the start */
	uint64_t updates;    /* their number */
	bool is_lacking;     /* a file of this update has found no room */
	int64_t room_ms;     /* not before this is room made */
	size_t files_before; /* that there were when it was last looked at */
	uint64_t rows_before;
	struct mapping_pool *pool;
	struct window window;                     /* of the file whose mappings are described */
	uint64_t used[WIRE_MAPPING_POOL / 64];    /* bits: an era's run begins there */
	uint64_t used_pages[WIRE_PAGES_MAX / 64]; /* bits: a mapping's pages begin there */
	uint32_t mapping_count;
	struct wire_mapping mappings[WIRE_MAPPINGS_MAX]; /* room to build them in */
};

struct tables *tables__new(struct exoprof_bpf *skel, struct eras *eras, struct file_rows *file_rows)
{
	struct tables *tables = calloc(1, sizeof(*tables));

	if (!tables)
		return NULL;
	tables->skel = skel;
	tables->eras = eras;
	tables->file_rows = file_rows;
	tables->store = row_store__new(skel);
	tables->file_ids = shares__new(FILES_MAX);
	tables->pool = mapping_pool__new((struct wire_mapping *)skel->bss->mapping_pool);
	if (tables->store && tables->file_ids && tables->pool)
		return tables;
	tables__free(tables);
	errno = ENOMEM;
	return NULL;
}

void tables__free(struct tables *tables)
{
	if (!tables)
		return;
	for (size_t i = 0; i < tables->file_capacity; i++)
		row_store__give_back(tables->store, &tables->files[i].rows);
	for (size_t i = 0; i < tables->replaced_count; i++)
		row_store__give_back(tables->store, &tables->replaced[i]);
	free(tables->files);
	free(tables->replaced);
	shares__free(tables->file_ids);
	mapping_pool__free(tables->pool);
	row_store__free(tables->store);
	free(tables);
}

static bool is_marked(const uint64_t *bits, uint32_t index)
{
	return bits[index / 64] >> index % 64 & 1;
}

static void mark(uint64_t *bits, uint32_t index)
{
	bits[index / 64] |= 1ULL << index % 64;
}

static int note_run(void *context, const void *key, const void *value)
{
	struct tables *tables = context;
	const struct wire_era *era = value;

	(void)key;
	if (era->mapping_count)
		mark(tables->used, era->first_mapping);
	return 0;
}

static bool is_run_used(void *context, uint32_t first)
{
	const struct tables *tables = context;

	return is_marked(tables->used, first);
}

/* Keeps the runs of the eras that the kernel side has; all of them where that cannot be told. */
static int reclaim(struct tables *tables)
{
	int err;

	memset(tables->used, 0, sizeof(tables->used));
	err = map__each(bpf_map__fd(tables->skel->maps.eras), sizeof(__u32),
			sizeof(struct wire_era), note_run, tables);
	if (!err)
		mapping_pool__reclaim(tables->pool, is_run_used, tables);
	return err;
}

static void mark_pages(void *context, const struct wire_mapping *mapping)
{
	struct tables *tables = context;

	if (mapping->kind == WIRE_MAPPING_ROWS)
		mark(tables->used_pages, mapping->first_page);
}

/* What walks may be using: what the eras' runs refer to, and the run that is being described. */
static void mark_used_pages(struct tables *tables)
{
	memset(tables->used_pages, 0, sizeof(tables->used_pages));
	mapping_pool__each(tables->pool, mark_pages, tables);
	for (uint32_t i = 0; i < tables->mapping_count; i++)
		mark_pages(tables, &tables->mappings[i]);
}

static bool are_used(const struct tables *tables, const struct stored_rows *rows)
{
	return rows->page_count && is_marked(tables->used_pages, rows->first_page);
}

static void drop_replaced(struct tables *tables)
{
	size_t kept = 0;

	for (size_t i = 0; i < tables->replaced_count; i++) {
		struct stored_rows *rows = &tables->replaced[i];

		if (are_used(tables, rows))
			tables->replaced[kept++] = *rows;
		else
			row_store__give_back(tables->store, rows);
	}
	tables->replaced_count = kept;
}

static int compare_last_used(const void *left, const void *right, void *context)
{
	const struct tables *tables = context;
	const struct loaded_file *a = &tables->files[*(const uint32_t *)left];
	const struct loaded_file *b = &tables->files[*(const uint32_t *)right];

	return (a->last_used > b->last_used) - (a->last_used < b->last_used);
}

/* The files that no walk can be using, the one first that was used the longest time ago. Those of
 * this update may not be in a mapping yet. */
static size_t find_unused(struct tables *tables, uint32_t *numbers)
{
	size_t count = 0;

	for (size_t i = 0; i < tables->file_capacity; i++) {
		const struct loaded_file *file = &tables->files[i];

		if (file->is_there && file->last_used != tables->updates &&
		    !are_used(tables, &file->rows))
			numbers[count++] = i;
	}
	qsort_r(numbers, count, sizeof(*numbers), compare_last_used, tables);
	return count;
}

static void let_go(struct tables *tables, uint32_t number)
{
	row_store__give_back(tables->store, &tables->files[number].rows);
	tables->files[number] = (struct loaded_file){};
	shares__put(tables->file_ids, number);
	tables->let_go++;
}

/* Lets go of what is not used but for so much. */
static int drop_unused(struct tables *tables, uint64_t rows_kept, size_t files_kept)
{
	uint32_t *unused = calloc(tables->file_capacity + 1, sizeof(*unused));
	uint64_t rows = 0;
	size_t count;

	if (!unused)
		return -ENOMEM;
	count = find_unused(tables, unused);
	for (size_t i = 0; i < count; i++)
		rows += tables->files[unused[i]].rows.row_count;
	for (size_t i = 0; i < count && (rows > rows_kept || count - i > files_kept); i++) {
		rows -= tables->files[unused[i]].rows.row_count;
		let_go(tables, unused[i]);
	}
	free(unused);
	return 0;
}

/* Gives back what nothing maps, but for so much. First it waits, then it looks: whoever has begun
 * to walk since then does so by the eras' runs as they are now. */
static int sweep(struct tables *tables, uint64_t rows_kept, size_t files_kept)
{
	struct row_store_size size;
	int err = row_store__wait_for_walks(tables->store);

	if (!err)
		err = reclaim(tables);
	if (err)
		return err;
	mark_used_pages(tables);
	drop_replaced(tables);
	err = drop_unused(tables, rows_kept, files_kept);
	row_store__shrink(tables->store);
	row_store__size(tables->store, &size);
	tables->rows_before = size.rows;
	tables->files_before = shares__count(tables->file_ids);
	return err;
}

/* When as much as is kept may have come out of use since the last time. */
static bool is_worth_sweeping(const struct tables *tables)
{
	struct row_store_size size;

	row_store__size(tables->store, &size);
	return size.rows > tables->rows_before + ROWS_KEPT ||
	       shares__count(tables->file_ids) > tables->files_before + FILES_KEPT;
}

/* Whether some may have been made. */
static bool make_room(struct tables *tables)
{
	int64_t now_ms = clock__monotonic_ms();

	if (now_ms < tables->room_ms)
		return false;
	tables->room_ms = now_ms + MAKE_ROOM_MS;
	return !sweep(tables, 0, 0);
}

static bool is_lack(const struct room *lack)
{
	return lack->pages || lack->rows || lack->rules;
}

static int store_rows(struct tables *tables, const struct cfi_table *table,
		      struct loaded_file *file)
{
	struct row_store *store = tables->store;
	int err = row_store__put(store, table, &file->window, &file->rows, &file->lack);

	if (!is_lack(&file->lack) || !make_room(tables))
		return err;
	row_store__give_back(store, &file->rows);
	return row_store__put(store, table, &file->window, &file->rows, &file->lack);
}

static int load_rows(struct tables *tables, struct elf_file *elf_file, struct loaded_file *file)
{
	struct cfi_table *table = file_rows__read(tables->file_rows, elf_file);
	int err = 0;

	if (!table)
		return -errno;
	if (table->row_count)
		err = store_rows(tables, table, file);
	cfi_table__close(table);
	return err;
}

/* As many as there are numbers of files. */
static int reserve_files(struct tables *tables, uint32_t number)
{
	size_t before = tables->file_capacity;
	struct loaded_file *files =
		array__grow(tables->files, number, &tables->file_capacity, sizeof(*files));

	if (!files)
		return -ENOMEM;
	tables->files = files;
	memset(&files[before], 0, (tables->file_capacity - before) * sizeof(*files));
	return 0;
}

/* What the file is known by: not by an address, which would have to be kept, and a descriptor with
 * it, for as long as the rows are. A stamp may come again with another file only if that one is
 * made in the same tick of the clock (4 ms) in which the first was read and deleted. A device's
 * upper half is 0: no build ID, which is hexadecimal digits, begins like a stamp. */
static struct loaded_file *find_or_add(struct tables *tables, const struct elf_file *elf_file)
{
	const char *build_id = elf_file__build_id(elf_file);
	const struct file_stamp *stamp = elf_file__stamp(elf_file);
	const void *key = *build_id ? (const void *)build_id : stamp;
	size_t size = *build_id ? strlen(build_id) : sizeof(*stamp);
	int64_t number = shares__find(tables->file_ids, key, size);
	bool is_new;

	if (number >= 0)
		return &tables->files[number];
	number = shares__take(tables->file_ids, key, size, &is_new);
	if (number < 0)
		return NULL;
	if (reserve_files(tables, number)) {
		shares__put(tables->file_ids, number);
		return NULL;
	}
	tables->files[number] = (struct loaded_file){.is_there = true};
	return &tables->files[number];
}

static bool covers(const struct window *window, const struct window *part)
{
	return window->start <= part->start && part->end <= window->end;
}

static void widen(struct window *window, const struct window *part)
{
	if (part->start < window->start)
		window->start = part->start;
	if (part->end > window->end)
		window->end = part->end;
}

/* Where more of a file is mapped than ever before, as much again is loaded beside it, so that a
 * program that maps it bit by bit has it read some times and not thousands of times. */
static struct window wider(const struct window *window, const struct window *part)
{
	uint64_t size = window->end - window->start;
	struct window wide = *window;

	if (!size)
		return *part;
	widen(&wide, part);
	if (wide.start < window->start)
		wide.start -= size < wide.start ? size : wide.start;
	if (wide.end > window->end)
		wide.end += size < WINDOW_END - wide.end ? size : WINDOW_END - wide.end;
	return wide;
}

/* What it had before, walks may be using. */
static void replace(struct tables *tables, struct loaded_file *file, struct stored_rows *rows)
{
	if (file->rows.page_count && array_append(&tables->replaced, &tables->replaced_count,
						  &tables->replaced_capacity, file->rows))
		row_store__give_back(tables->store, rows);
	else
		file->rows = *rows;
}

/* What cannot be loaded keeps the rows that it has, and costs nothing but its own stacks. */
static void load(struct tables *tables, struct elf_file *elf_file, struct loaded_file *file,
		 const struct window *window)
{
	struct loaded_file loaded = {.window = *window};

	if (!load_rows(tables, elf_file, &loaded))
		replace(tables, file, &loaded.rows);
	file->window = loaded.window;
	file->lack = loaded.lack;
}

/* Whether there is room by now for what a file found none for. */
static bool has_room(struct tables *tables, const struct room *lack)
{
	return row_store__has_room(tables->store, lack) ||
	       (make_room(tables) && row_store__has_room(tables->store, lack));
}

/* Gives the file's entry, loading its rows where they are new; NULL where memory is short. */
static const struct loaded_file *loaded(struct tables *tables, struct elf_file *elf_file,
					const struct window *window)
{
	struct loaded_file *file = find_or_add(tables, elf_file);
	struct window wide;

	if (!file)
		return NULL;
	file->last_used = tables->updates;
	if (!covers(&file->window, window)) {
		wide = wider(&file->window, window);
		load(tables, elf_file, file, &wide);
	} else if (is_lack(&file->lack) && has_room(tables, &file->lack)) {
		load(tables, elf_file, file, &file->window);
	}
	tables->is_lacking |= is_lack(&file->lack);
	return file;
}

/* In whole pages of rows. */
static struct window window_of(const struct mapping *mapping, uint64_t vaddr)
{
	uint64_t mask = (1 << WIRE_PAGE_SHIFT) - 1;
	uint64_t size = mapping->end - mapping->start;
	struct window window = {.start = vaddr & ~mask, .end = WINDOW_END};

	if (vaddr < WINDOW_END && size < WINDOW_END - vaddr)
		window.end = (vaddr + size + mask) & ~mask;
	return window;
}

/* What is mapped of the mapping's file in a row: a file's mappings follow each other as a rule. */
static struct window window_from(const struct maps *maps, size_t index)
{
	const struct elf_file *file = maps->items[index].file;
	struct window window = {.start = UINT64_MAX};
	uint64_t vaddr;

	for (; index < maps->count && maps->items[index].file == file; index++) {
		const struct mapping *mapping = &maps->items[index];
		struct window part;

		if (!elf_file__code_vaddr(file, mapping->file_offset, &vaddr))
			continue;
		part = window_of(mapping, vaddr);
		widen(&window, &part);
	}
	return window;
}

static struct wire_mapping describe(struct tables *tables, const struct maps *maps, size_t index)
{
	const struct mapping *mapping = &maps->items[index];
	struct wire_mapping wire = {
		.start = mapping->start,
		.end = mapping->end,
		.kind = WIRE_MAPPING_NO_ROWS,
	};
	const struct loaded_file *file;
	uint64_t vaddr;

	if (!mapping->file || !elf_file__code_vaddr(mapping->file, mapping->file_offset, &vaddr))
		return wire;
	if (!index || maps->items[index - 1].file != mapping->file)
		tables->window = window_from(maps, index);
	file = loaded(tables, mapping->file, &tables->window);
	if (!file || !file->rows.page_count)
		return wire;
	wire.kind = WIRE_MAPPING_ROWS;
	wire.bias = mapping->start - vaddr + file->rows.base;
	wire.first_page = file->rows.first_page;
	wire.page_count = file->rows.page_count;
	return wire;
}

/* A walk of all eras takes 130 us: not for each new run, but when as many may be out of use as are
 * in use. */
static bool is_worth_reclaiming(const struct tables *tables)
{
	return mapping_pool__count(tables->pool) > RUNS_KEPT + 2 * eras__alive(tables->eras);
}

/* The runs that have come out of use may still be in that of a walk, which takes microseconds: they
 * are given out again from the next update on. */
static int publish_mappings(struct tables *tables, uint32_t era, uint32_t count)
{
	int64_t first = 0;

	if (is_worth_reclaiming(tables))
		reclaim(tables);
	if (count)
		first = mapping_pool__take(tables->pool, tables->mappings, count);
	if (first == -ENOSPC) {
		reclaim(tables);
		first = mapping_pool__take(tables->pool, tables->mappings, count);
	}
	return first < 0 ? first : eras__set_mappings(tables->eras, era, first, count);
}

int tables__update(struct tables *tables, uint32_t era, const struct maps *maps)
{
	int err;

	tables->updates++;
	tables->is_lacking = false;
	tables->mapping_count = 0;
	if (is_worth_sweeping(tables))
		sweep(tables, ROWS_KEPT, FILES_KEPT);
	while (tables->mapping_count < maps->count && tables->mapping_count < WIRE_MAPPINGS_MAX) {
		struct wire_mapping mapping = describe(tables, maps, tables->mapping_count);

		tables->mappings[tables->mapping_count++] = mapping;
	}
	err = row_store__publish(tables->store);
	if (!err)
		err = publish_mappings(tables, era, tables->mapping_count);
	tables->mapping_count = 0;
	eras__set_retry(tables->eras, era,
			tables->is_lacking ? clock__monotonic_ms() + TRY_AGAIN_MS : INT64_MAX);
	return err;
}

uint64_t tables__files_without_room(const struct tables *tables)
{
	uint64_t count = 0;

	for (size_t i = 0; i < tables->file_capacity; i++)
		count += is_lack(&tables->files[i].lack);
	return count;
}

void tables__size(const struct tables *tables, struct tables_size *size)
{
	struct row_store_size store;

	row_store__size(tables->store, &store);
	*size = (struct tables_size){
		.files = shares__count(tables->file_ids),
		.files_without_room = tables__files_without_room(tables),
		.files_let_go = tables->let_go,
		.rows = store.rows,
		.bytes = store.blocks * sizeof(struct wire_unwind_block),
		.blocks = store.blocks,
		.pages = store.pages,
		.rules = store.rules,
		.mappings = mapping_pool__used(tables->pool),
	};
}
