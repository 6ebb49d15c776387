// SPDX-License-Identifier: Apache-2.0
#include "top/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/intern.h"

/* Names are kept for as long as the table is, and a JIT compiler may make up new ones for ever. */
#define NAME_BYTES_MAX (64 << 20)
#define OTHERS_NAME    "[other functions]"

struct sum {
	int64_t all;  /* since the start */
	int64_t base; /* of that, until the last reset */
	int64_t last; /* of that, in the last interval */
};

struct entry {
	char *name;
	enum frame_kind kind;
	struct sum self, total;
};

/* Indexes of what is summed up over all functions. */
enum { SUM_TOTAL, SUM_WHOLE, SUM_TRUNCATED, SUM_LOST_STACKS, SUM_LOST, SUMS };

struct top_table {
	struct intern *names; /* to places in entries */
	size_t name_bytes;
	struct entry *entries;
	size_t count, capacity;
	struct sum sums[SUMS];
	int64_t base_ns, last_ns, now_ns;
	bool has_begun;
	char unit[16];
};

struct top_table *top_table__new(int64_t start_ns)
{
	struct top_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->base_ns = table->last_ns = table->now_ns = start_ns;
	table->names = intern__new();
	if (table->names)
		return table;
	free(table);
	return NULL;
}

void top_table__free(struct top_table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->count; i++)
		free(table->entries[i].name);
	free(table->entries);
	intern__free(table->names);
	free(table);
}

static struct entry *add_entry(struct top_table *table, const char *name)
{
	char *copy = strdup(name);

	if (!copy || array_append(&table->entries, &table->count, &table->capacity,
				  (struct entry){.name = copy})) {
		free(copy);
		return NULL;
	}
	if (intern__id(table->names, name, strlen(name), NULL) == INTERN_FAILED) {
		table->count--;
		free(copy);
		return NULL;
	}
	table->name_bytes += strlen(name);
	return &table->entries[table->count - 1];
}

static struct entry *find(const struct top_table *table, const char *name)
{
	uint32_t id = intern__find(table->names, name, strlen(name));

	return id == INTERN_FAILED ? NULL : &table->entries[id];
}

static void begin_sum(struct sum *sum, bool is_replaced)
{
	sum->last = is_replaced ? -sum->all : 0;
	if (is_replaced)
		sum->all = 0;
}

static void add_to_sum(struct sum *sum, int64_t value)
{
	sum->all += value;
	sum->last += value;
}

static int add_row(struct top_table *table, const struct tally *tally, const struct tally_row *row)
{
	const char *name = tally__name(tally, row);
	struct entry *entry = find(table, name);
	bool is_other = !entry && table->name_bytes + strlen(name) > NAME_BYTES_MAX;

	if (is_other)
		entry = find(table, name = OTHERS_NAME);
	if (!entry)
		entry = add_entry(table, name);
	if (!entry)
		return -ENOMEM;
	entry->kind = is_other ? FRAME_NOTE : row->kind;
	add_to_sum(&entry->self, row->self);
	/* Of several in one stack nobody knows the total any more: it is this at least. */
	add_to_sum(&entry->total, is_other ? row->self : row->total);
	return 0;
}

static void begin_all(struct top_table *table, bool is_replaced)
{
	for (size_t i = 0; i < table->count; i++) {
		begin_sum(&table->entries[i].self, is_replaced);
		begin_sum(&table->entries[i].total, is_replaced);
	}
	for (size_t i = 0; i < SUMS; i++)
		begin_sum(&table->sums[i], is_replaced);
}

static int take(struct top_table *table, const struct tally *tally, bool is_replaced)
{
	int err = 0;

	begin_all(table, is_replaced);
	add_to_sum(&table->sums[SUM_TOTAL], tally->total);
	add_to_sum(&table->sums[SUM_WHOLE], tally->outcome.whole);
	add_to_sum(&table->sums[SUM_TRUNCATED], tally->outcome.truncated);
	add_to_sum(&table->sums[SUM_LOST_STACKS], tally->outcome.lost_stacks);
	add_to_sum(&table->sums[SUM_LOST], tally->outcome.lost);
	table->last_ns = table->now_ns;
	table->now_ns = tally->time_ns;
	memcpy(table->unit, tally->unit, sizeof(table->unit));
	for (uint32_t i = 0; i < tally->row_count && !err; i++)
		err = add_row(table, tally, &tally->rows[i]);
	return err;
}

int top_table__add(struct top_table *table, const struct tally *tally)
{
	if (!table->has_begun)
		table->base_ns = table->now_ns = tally->time_ns - tally->duration_ns;
	table->has_begun = true;
	return take(table, tally, false);
}

int top_table__replace(struct top_table *table, const struct tally *tally)
{
	return take(table, tally, true);
}

void top_table__reset(struct top_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		table->entries[i].self.base = table->entries[i].self.all;
		table->entries[i].total.base = table->entries[i].total.all;
	}
	for (size_t i = 0; i < SUMS; i++)
		table->sums[i].base = table->sums[i].all;
	table->base_ns = table->now_ns;
}

static int64_t in_scope(const struct sum *sum, enum top_scope scope)
{
	return scope == TOP_LAST ? sum->last : sum->all - sum->base;
}

void top_table__sums(const struct top_table *table, enum top_scope scope, struct top_sums *sums)
{
	*sums = (struct top_sums){
		.total = in_scope(&table->sums[SUM_TOTAL], scope),
		.outcome = {.whole = in_scope(&table->sums[SUM_WHOLE], scope),
			    .truncated = in_scope(&table->sums[SUM_TRUNCATED], scope),
			    .lost_stacks = in_scope(&table->sums[SUM_LOST_STACKS], scope),
			    .lost = in_scope(&table->sums[SUM_LOST], scope)},
		.from_ns = scope == TOP_LAST ? table->last_ns : table->base_ns,
		.to_ns = table->now_ns,
		.unit = table->unit,
	};
}

static int compare(int64_t a, int64_t b)
{
	return (a < b) - (a > b);
}

static int compare_rows(const void *left, const void *right, void *context)
{
	const struct top_row *a = left, *b = right;
	int self = compare(a->self, b->self), total = compare(a->total, b->total);
	bool by_self = *(const enum top_order *)context == TOP_BY_SELF;
	int first = by_self ? self : total, second = by_self ? total : self;

	return first ? first : second ? second : strcmp(a->name, b->name);
}

struct top_row *top_table__rows(const struct top_table *table, enum top_scope scope,
				enum top_order order, const char *filter, size_t *count)
{
	/* One more, because an empty allocation may be NULL. */
	struct top_row *rows = calloc(table->count + 1, sizeof(*rows));

	*count = 0;
	if (!rows)
		return NULL;
	for (size_t i = 0; i < table->count; i++) {
		const struct entry *entry = &table->entries[i];
		struct top_row row = {
			.name = entry->name,
			.kind = entry->kind,
			.self = in_scope(&entry->self, scope),
			.total = in_scope(&entry->total, scope),
		};

		if ((row.self || row.total) && strcasestr(row.name, filter))
			rows[(*count)++] = row;
	}
	qsort_r(rows, *count, sizeof(*rows), compare_rows, &order);
	return rows;
}
