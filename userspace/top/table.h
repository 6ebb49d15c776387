/* SPDX-License-Identifier: Apache-2.0 */
/* Functions and what they have come to, of one kind of profile, refreshed by tallies: over the last
 * interval, and since the start or the last reset. Pure. */
#ifndef EXOPROF_TOP_TABLE_H
#define EXOPROF_TOP_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "top/tally.h"

struct top_table;

enum top_scope {
	TOP_LAST,  /* between the last two tallies */
	TOP_SINCE, /* since the start, or the last reset */
};

enum top_order {
	TOP_BY_SELF,
	TOP_BY_TOTAL,
};

struct top_row {
	const char *name; /* the table's */
	enum frame_kind kind;
	int64_t self, total;
};

struct top_sums {
	int64_t total;
	struct profile_outcome outcome;
	int64_t from_ns, to_ns; /* since the epoch */
	const char *unit;       /* the table's; "" as long as it is not known */
};

/* `start_ns`: since when what is counted was counted. NULL with errno set. */
struct top_table *top_table__new(int64_t start_ns);
void top_table__free(struct top_table *table); /* NULL is fine */

/* Adds the tally of a span of time that begins where the last one ended. 0 or -ENOMEM. */
int top_table__add(struct top_table *table, const struct tally *tally);

/* The same of a tally of all since the start, which the last one's was, too. */
int top_table__replace(struct top_table *table, const struct tally *tally);

/* Since now, from now on. */
void top_table__reset(struct top_table *table);

void top_table__sums(const struct top_table *table, enum top_scope scope, struct top_sums *sums);

/* The rows that have any value and whose names contain `filter` in any case, the greatest first;
 * equal ones by name. The array is the caller's to free; NULL with errno set. */
struct top_row *top_table__rows(const struct top_table *table, enum top_scope scope,
				enum top_order order, const char *filter, size_t *count);

#endif
