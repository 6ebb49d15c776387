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
#include "collect/internal.h"
#include "collect/mapping_pool.h"
#include "unwind/cfi.h"

/* Runs of mappings that are not looked at for whether they are in use. */
#define RUNS_KEPT 64

/* Code in one file: page 0 begins at `base`. */
struct loaded_file {
	uint32_t first_page, page_count; /* 0 pages: no rows */
	uint64_t base;
};

struct tables {
	struct exoprof_bpf *skel;
	struct eras *eras;
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
	uint64_t used[WIRE_MAPPING_POOL / 64];           /* bits: an era's run begins there */
	struct wire_mapping mappings[WIRE_MAPPINGS_MAX]; /* room to build them in */
};

struct tables *tables__new(struct exoprof_bpf *skel, struct eras *eras)
{
	struct tables *tables = calloc(1, sizeof(*tables));

	if (!tables)
		return NULL;
	tables->skel = skel;
	tables->eras = eras;
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
	__u16 *rule_numbers; /* the table's rules -> the kernel's */
	size_t next;         /* the first row that is not in a page yet */
	__u16 carried;       /* the rule that holds where the next page begins */
};

static int number_rules(struct packing *packing)
{
	const struct cfi_table *table = packing->table;
	int err = 0;

	packing->rule_numbers = calloc(table->rule_count, sizeof(__u16));
	if (!packing->rule_numbers)
		return -ENOMEM;
	for (size_t i = 0; i < table->rule_count && !err; i++)
		err = rule_number(packing->tables, &table->rules[i], &packing->rule_numbers[i]);
	/* Before the first row there is no information: the table's rule 0. */
	packing->carried = packing->rule_numbers[0];
	return err;
}

static size_t rows_in_page(const struct packing *packing, uint64_t end)
{
	size_t row = packing->next;

	while (row < packing->table->row_count && packing->table->rows[row].vaddr < end)
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

static int pack(struct packing *packing, struct loaded_file *file)
{
	const struct cfi_table *table = packing->table;
	struct tables *tables = packing->tables;
	uint64_t first = table->rows[0].vaddr >> WIRE_PAGE_SHIFT;
	uint64_t last = table->rows[table->row_count - 1].vaddr >> WIRE_PAGE_SHIFT;
	int err = number_rules(packing);

	if (!err && last - first >= WIRE_PAGES_MAX - tables->page_count)
		err = -ENOSPC;
	if (err)
		return err;
	file->first_page = tables->page_count;
	file->base = first << WIRE_PAGE_SHIFT;
	for (uint64_t number = first; number <= last && !err; number++) {
		struct wire_unwind_page page;

		err = pack_page(packing, number << WIRE_PAGE_SHIFT, &page);
		if (!err)
			err = write_page(tables, &page);
	}
	if (!err)
		err = flush_block(tables);
	if (!err)
		file->page_count = last - first + 1;
	return err;
}

static int load_rows(struct tables *tables, struct elf_file *elf_file, struct loaded_file *file)
{
	struct packing packing = {.tables = tables};
	struct cfi_table *table = cfi_table__open(elf_file__fd(elf_file));
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

/* Gives the file's entry, loading its rows where it is new; NULL where memory is short. */
static const struct loaded_file *loaded(struct tables *tables, struct elf_file *elf_file)
{
	struct loaded_file file = {};
	bool is_new;
	uint32_t id = file_id(tables, elf_file, &is_new);

	if (id == INTERN_FAILED)
		return NULL;
	if (!is_new)
		return id < tables->file_count ? &tables->files[id] : NULL;
	/* What cannot be loaded has no rows, and costs nothing but its own stacks. */
	load_rows(tables, elf_file, &file);
	if (array_append(&tables->files, &tables->file_count, &tables->file_capacity, file))
		return NULL;
	return &tables->files[id];
}

static struct wire_mapping describe(struct tables *tables, const struct mapping *mapping)
{
	struct wire_mapping wire = {
		.start = mapping->start,
		.end = mapping->end,
		.kind = WIRE_MAPPING_NO_ROWS,
	};
	const struct loaded_file *file;
	uint64_t vaddr;

	if (!mapping->file || !elf_file__code_vaddr(mapping->file, mapping->file_offset, &vaddr))
		return wire;
	file = loaded(tables, mapping->file);
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
		tables->mappings[count] = describe(tables, &maps->items[count]);
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
