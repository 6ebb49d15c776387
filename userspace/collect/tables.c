// SPDX-License-Identifier: Apache-2.0
#include "collect/tables.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/intern.h"
#include "collect/eras.h"
#include "collect/file_rows.h"
#include "collect/internal.h"
#include "collect/mapping_pool.h"
#include "unwind/cfi.h"

/* Runs of mappings that are not looked at for whether they are in use. */
#define RUNS_KEPT      64

/* What one file may add to the pages and rules of all: 1 GiB of code, and twice as many rules as
 * libLLVM has. A hostile one would leave none to the others. */
#define FILE_PAGES_MAX (WIRE_PAGES_MAX / 4)
#define FILE_RULES_MAX 2048

/* Addresses of code, as a file's headers count, end excluded. */
struct window {
	uint64_t start, end;
};

/* Code in one file: page 0 begins at `base`. */
struct loaded_file {
	uint32_t first_page, page_count; /* 0 pages: no rows */
	uint64_t base;
	struct window window; /* what is mapped of it, and has rows if there are any */
};

/* Where a window ends at most: the last page of the address space is none. */
#define WINDOW_END (UINT64_MAX & ~((1ULL << WIRE_PAGE_SHIFT) - 1))

struct tables {
	struct exoprof_bpf *skel;
	struct eras *eras;
	struct file_rows *file_rows;
	struct intern *file_ids; /* build IDs, or the stamps of files without */
	struct loaded_file *files;
	size_t file_count, file_capacity;
	struct intern *rule_ids;
	struct wire_unwind_block *block; /* a copy of the last one */
	int block_fd;                    /* -1: none yet */
	uint32_t block_count, block_used;
	__u32 *new_numbers; /* blocks that the kernel side does not know yet, and their fds */
	int *new_fds;
	size_t new_count, new_capacity, new_fds_capacity;
	uint32_t page_count;
	uint64_t row_count;
	struct mapping_pool *pool;
	struct window window;                  /* of the file whose mappings are described */
	uint64_t used[WIRE_MAPPING_POOL / 64]; /* bits: an era's run begins there */
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
	tables->block_fd = -1;
	tables->file_ids = intern__new();
	tables->rule_ids = intern__new();
	tables->block = calloc(1, sizeof(*tables->block));
	tables->pool = mapping_pool__new((struct wire_mapping *)skel->bss->mapping_pool);
	if (tables->file_ids && tables->rule_ids && tables->block && tables->pool)
		return tables;
	tables__free(tables);
	errno = ENOMEM;
	return NULL;
}

void tables__free(struct tables *tables)
{
	if (!tables)
		return;
	free(tables->files);
	intern__free(tables->file_ids);
	intern__free(tables->rule_ids);
	/* Those that were never published hold the last one, too. */
	for (size_t i = 0; i < tables->new_count; i++)
		close(tables->new_fds[i]);
	if (tables->block_fd >= 0 && !tables->new_count)
		close(tables->block_fd);
	free(tables->new_numbers);
	free(tables->new_fds);
	free(tables->block);
	mapping_pool__free(tables->pool);
	free(tables);
}

static int flush_block(struct tables *tables)
{
	__u32 zero = 0;

	if (tables->block_fd < 0)
		return 0;
	return bpf_map_update_elem(tables->block_fd, &zero, tables->block, BPF_ANY);
}

/* Two arrays of one length. */
static int note_new_block(struct tables *tables, int fd)
{
	size_t count = tables->new_count;
	int err = array_append(&tables->new_numbers, &count, &tables->new_capacity,
			       tables->block_count);

	if (!err)
		err = array_append(&tables->new_fds, &tables->new_count, &tables->new_fds_capacity,
				   fd);
	return err;
}

/* A block is for the kernel side to find only when it is published. */
static int add_block(struct tables *tables)
{
	int err = flush_block(tables), fd;
	bool is_published; /* the last one, that is */

	if (err)
		return err;
	if (tables->block_count == WIRE_BLOCKS_MAX)
		return -ENOSPC;
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "unwind_block", sizeof(__u32),
			    sizeof(struct wire_unwind_block), 1, NULL);
	if (fd < 0)
		return fd;
	is_published = !tables->new_count;
	err = note_new_block(tables, fd);
	if (err) {
		close(fd);
		return err;
	}
	if (tables->block_fd >= 0 && is_published)
		close(tables->block_fd);
	tables->block_fd = fd;
	tables->block_count++;
	tables->block_used = 0;
	return 0;
}

/* All at once where the kernel can: each update of a map in a map waits until no program can be
 * using what was there before, 10 to 30 ms. */
static int publish_blocks(struct tables *tables)
{
	int outer = bpf_map__fd(tables->skel->maps.unwind_blocks);
	__u32 count = tables->new_count;
	int err = 0;

	if (!count)
		return 0;
	if (bpf_map_update_batch(outer, tables->new_numbers, tables->new_fds, &count, NULL)) {
		for (size_t i = 0; i < tables->new_count && !err; i++)
			err = bpf_map_update_elem(outer, &tables->new_numbers[i],
						  &tables->new_fds[i], BPF_ANY);
	}
	/* The last one stays open: there is room in it. */
	for (size_t i = 0; i < tables->new_count; i++) {
		if (tables->new_fds[i] != tables->block_fd)
			close(tables->new_fds[i]);
	}
	tables->new_count = 0;
	return err;
}

/* The number that a rule has in the kernel's list of rules. */
static int rule_number(struct tables *tables, const struct wire_unwind_rule *rule, __u16 *number)
{
	bool is_new;
	uint32_t id = intern__id(tables->rule_ids, rule, sizeof(*rule), &is_new);

	if (id == INTERN_FAILED)
		return -ENOMEM;
	/* A rule too many stands for none, once the last number is given out. */
	if (id >= WIRE_RULES_MAX - 1) {
		*number = WIRE_RULES_MAX - 1;
		return 0;
	}
	*number = id;
	if (!is_new)
		return 0;
	return bpf_map_update_elem(bpf_map__fd(tables->skel->maps.unwind_rules), &id, rule,
				   BPF_ANY);
}

/* Rows of a file on their way into pages. */
struct packing {
	struct tables *tables;
	const struct cfi_table *table;
	struct window window; /* whole pages */
	__u16 *rule_numbers;  /* the table's rules -> the kernel's */
	size_t next, end;     /* rows: the first that is not in a page yet, and behind the last */
	__u16 carried;        /* the rule that holds where the next page begins */
};

static size_t first_row_from(const struct cfi_table *table, uint64_t vaddr)
{
	size_t low = 0, high = table->row_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (table->rows[middle].vaddr < vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Those of the rows that are wanted. What is too many for one file stands for none, as no
 * information does: the table's rule 0. */
static int number_rules(struct packing *packing)
{
	const struct cfi_table *table = packing->table;
	bool *is_numbered = calloc(table->rule_count, sizeof(*is_numbered));
	uint32_t before = intern__count(packing->tables->rule_ids);
	int err = is_numbered ? 0 : -ENOMEM;

	for (size_t i = packing->next ? packing->next - 1 : 0; i < packing->end && !err; i++) {
		uint32_t rule = table->rows[i].rule;

		if (is_numbered[rule])
			continue;
		is_numbered[rule] = true;
		packing->rule_numbers[rule] = packing->rule_numbers[0];
		if (intern__count(packing->tables->rule_ids) - before < FILE_RULES_MAX)
			err = rule_number(packing->tables, &table->rules[rule],
					  &packing->rule_numbers[rule]);
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
	packing->rule_numbers = calloc(table->rule_count, sizeof(__u16));
	if (!packing->rule_numbers)
		return -ENOMEM;
	err = rule_number(packing->tables, &table->rules[0], &packing->rule_numbers[0]);
	if (!err)
		err = number_rules(packing);
	/* Before the first row there is no information. */
	packing->carried =
		packing->rule_numbers[packing->next ? table->rows[packing->next - 1].rule : 0];
	return err;
}

static size_t rows_in_page(const struct packing *packing, uint64_t end)
{
	size_t row = packing->next;

	while (row < packing->end && packing->table->rows[row].vaddr < end)
		row++;
	return row - packing->next;
}

/* Puts the rows of the page that begins at `start` into the block. A page's own first row is the
 * rule that comes in from the page before it; it may be as many as the page has bytes, and one. */
static int pack_page(struct packing *packing, uint64_t start, struct wire_unwind_page *page)
{
	struct tables *tables = packing->tables;
	size_t count = rows_in_page(packing, start + (1 << WIRE_PAGE_SHIFT));
	bool begins_with_row = count && packing->table->rows[packing->next].vaddr == start;
	size_t needed = count + !begins_with_row;
	int err = 0;

	if (tables->block_fd < 0 || tables->block_used + needed > WIRE_BLOCK_ROWS)
		err = add_block(tables);
	if (err)
		return err;
	page->block = tables->block_count - 1;
	page->first = tables->block_used;
	if (!begins_with_row)
		tables->block->rows[tables->block_used++] =
			(struct wire_unwind_row){.rule = packing->carried};
	for (size_t i = 0; i < count; i++) {
		const struct cfi_row *row = &packing->table->rows[packing->next++];

		packing->carried = packing->rule_numbers[row->rule];
		tables->block->rows[tables->block_used++] = (struct wire_unwind_row){
			.pc_low = row->vaddr - start,
			.rule = packing->carried,
		};
	}
	page->last = tables->block_used - 1;
	tables->row_count += needed;
	return 0;
}

static int write_page(struct tables *tables, const struct wire_unwind_page *page)
{
	int err = bpf_map_update_elem(bpf_map__fd(tables->skel->maps.unwind_pages),
				      &tables->page_count, page, BPF_ANY);

	if (!err)
		tables->page_count++;
	return err;
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

static int pack(struct packing *packing, struct loaded_file *file)
{
	struct tables *tables = packing->tables;
	int err = choose_rows(packing);
	uint64_t first, count = err ? 0 : count_pages(packing, &first);

	if (!err && (count > FILE_PAGES_MAX || count > WIRE_PAGES_MAX - tables->page_count))
		err = -ENOSPC;
	if (err || !count)
		return err;
	file->first_page = tables->page_count;
	file->base = first << WIRE_PAGE_SHIFT;
	for (uint64_t number = first; number < first + count && !err; number++) {
		struct wire_unwind_page page;

		err = pack_page(packing, number << WIRE_PAGE_SHIFT, &page);
		if (!err)
			err = write_page(tables, &page);
	}
	if (!err)
		err = flush_block(tables);
	if (!err)
		file->page_count = count;
	return err;
}

static int load_rows(struct tables *tables, struct elf_file *elf_file, struct loaded_file *file)
{
	struct packing packing = {.tables = tables, .window = file->window};
	struct cfi_table *table = file_rows__read(tables->file_rows, elf_file);
	int err = 0;

	if (!table)
		return -errno;
	packing.table = table;
	if (table->row_count)
		err = pack(&packing, file);
	free(packing.rule_numbers);
	cfi_table__close(table);
	return err;
}

/* What the file is known by: not by an address, which would have to be kept, and a descriptor with
 * it, for as long as the rows are. A stamp may come again with another file only if that one is
 * made in the same tick of the clock (4 ms) in which the first was read and deleted. A device's
 * upper half is 0: no build ID, which is hexadecimal digits, begins like a stamp. */
static uint32_t file_id(struct tables *tables, const struct elf_file *file, bool *is_new)
{
	const char *build_id = elf_file__build_id(file);
	const struct file_stamp *stamp = elf_file__stamp(file);

	if (*build_id)
		return intern__id(tables->file_ids, build_id, strlen(build_id), is_new);
	return intern__id(tables->file_ids, stamp, sizeof(*stamp), is_new);
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
static void load_more(struct tables *tables, struct elf_file *elf_file, struct loaded_file *file,
		      const struct window *window)
{
	struct loaded_file wider = {.window = file->window};
	uint64_t size = file->window.end - file->window.start;

	widen(&wider.window, window);
	if (wider.window.start < file->window.start)
		wider.window.start -= size < wider.window.start ? size : wider.window.start;
	if (wider.window.end > file->window.end)
		wider.window.end +=
			size < WINDOW_END - wider.window.end ? size : WINDOW_END - wider.window.end;
	/* What cannot be loaded keeps the rows that it has. */
	if (load_rows(tables, elf_file, &wider))
		file->window = wider.window;
	else
		*file = wider;
}

/* Gives the file's entry, loading its rows where they are new; NULL where memory is short. */
static const struct loaded_file *loaded(struct tables *tables, struct elf_file *elf_file,
					const struct window *window)
{
	struct loaded_file file = {.window = *window};
	bool is_new;
	uint32_t id = file_id(tables, elf_file, &is_new);

	if (id == INTERN_FAILED || (!is_new && id >= tables->file_count))
		return NULL;
	if (!is_new) {
		if (!covers(&tables->files[id].window, window))
			load_more(tables, elf_file, &tables->files[id], window);
		return &tables->files[id];
	}
	/* What cannot be loaded has no rows, and costs nothing but its own stacks. */
	load_rows(tables, elf_file, &file);
	if (array_append(&tables->files, &tables->file_count, &tables->file_capacity, file))
		return NULL;
	return &tables->files[id];
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
	if (!file || !file->page_count)
		return wire;
	wire.kind = WIRE_MAPPING_ROWS;
	wire.bias = mapping->start - vaddr + file->base;
	wire.first_page = file->first_page;
	wire.page_count = file->page_count;
	return wire;
}

static int note_run(void *context, const void *key, const void *value)
{
	struct tables *tables = context;
	const struct wire_era *era = value;

	(void)key;
	if (era->mapping_count)
		tables->used[era->first_mapping / 64] |= 1ULL << era->first_mapping % 64;
	return 0;
}

static bool is_run_used(void *context, uint32_t first)
{
	const struct tables *tables = context;

	return tables->used[first / 64] >> first % 64 & 1;
}

/* Keeps the runs of the eras that the kernel side has; all of them where that cannot be told. */
static void reclaim(struct tables *tables)
{
	memset(tables->used, 0, sizeof(tables->used));
	if (!map__each(bpf_map__fd(tables->skel->maps.eras), sizeof(__u32), sizeof(struct wire_era),
		       note_run, tables))
		mapping_pool__reclaim(tables->pool, is_run_used, tables);
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
	uint32_t count = 0;
	int err;

	while (count < maps->count && count < WIRE_MAPPINGS_MAX) {
		tables->mappings[count] = describe(tables, maps, count);
		count++;
	}
	err = publish_blocks(tables);
	return err ? err : publish_mappings(tables, era, count);
}

void tables__size(const struct tables *tables, struct tables_size *size)
{
	uint32_t rules = intern__count(tables->rule_ids);

	*size = (struct tables_size){
		.files = tables->file_count,
		.rows = tables->row_count,
		.bytes = (uint64_t)tables->block_count * sizeof(struct wire_unwind_block),
		.blocks = tables->block_count,
		.pages = tables->page_count,
		/* What is too many has the last one's number. */
		.rules = rules < WIRE_RULES_MAX ? rules : WIRE_RULES_MAX,
		.mappings = mapping_pool__used(tables->pool),
	};
}
