/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold of any table of unwind rows, wherever it comes from. */
#ifndef EXOPROF_CHECK_TABLE_H
#define EXOPROF_CHECK_TABLE_H

#include "unwind/cfi.h"
#include "replay.h"

static inline void check_row(const struct cfi_table *table, size_t i)
{
	const struct cfi_row *row = &table->rows[i];

	check(row->rule < table->rule_count, "a row's rule is there");
	check(cfi_table__rule(table, row->vaddr) == &table->rules[row->rule],
	      "a row is found by its address");
	if (!i)
		return;
	check(row[-1].vaddr < row->vaddr, "rows are sorted");
	check(row[-1].rule != row->rule, "neighbours differ");
	check(cfi_table__rule(table, row->vaddr - 1) == &table->rules[row[-1].rule],
	      "a row goes on to the next");
}

static inline void check_rule(const struct wire_unwind_rule *rule)
{
	check(rule->cfa <= WIRE_CFA_UNSUPPORTED && rule->bp <= WIRE_BP_UNKNOWN,
	      "a rule is of a known kind");
	check(rule->cfa_register < 16, "a rule's register has a place");
	check(rule->cfa != WIRE_CFA_PLT || (rule->cfa_offset >= 0 && rule->cfa_offset < 16),
	      "an entry of a PLT has 16 bytes");
}

static inline void check_table(const struct cfi_table *table)
{
	for (size_t i = 0; i < table->rule_count; i++)
		check_rule(&table->rules[i]);
	for (size_t i = 0; i < table->row_count; i++)
		check_row(table, i);
	check(table->row_count && table->rows[table->row_count - 1].rule == 0,
	      "the last row has no rule");
}

#endif
