// SPDX-License-Identifier: Apache-2.0
#include "unwind/cfi_message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

/* An address and the number of a rule. */
#define ROW_BYTES (2 * sizeof(uint64_t))

/* As include/linux/err.h has it. */
#define ERRNO_MAX 4095

/* DWARF's numbers of the registers that the kernel side can follow a frame by, but for the return
 * address's. */
#define REGISTERS 16
#define PLT_ENTRY 16

_Static_assert(MESSAGE_MAX / ROW_BYTES > 1 &&
		       MESSAGE_MAX > (CFI_RULES_MAX + 3) * sizeof(struct wire_unwind_rule),
	       "all rules are in one message");

static void put_rule(struct message *message, const struct wire_unwind_rule *rule)
{
	uint64_t halves[2];

	_Static_assert(sizeof(halves) == sizeof(*rule), "a rule is two numbers");
	memcpy(halves, rule, sizeof(halves));
	message__put_number(message, halves[0]);
	message__put_number(message, halves[1]);
}

void cfi_message__put_error(struct message *message, int error)
{
	message__begin(message, MESSAGE_RULES);
	message__put_number(message, error);
}

void cfi_message__put_rules(struct message *message, const struct cfi_table *table)
{
	cfi_message__put_error(message, 0);
	message__put_number(message, table->dropped);
	message__put_number(message, table->row_count);
	for (size_t i = 0; i < table->rule_count; i++)
		put_rule(message, &table->rules[i]);
}

void cfi_message__put_rows(struct message *message, const struct cfi_table *table, size_t *next)
{
	message__begin(message, MESSAGE_ROWS);
	while (*next < table->row_count && message->size + ROW_BYTES <= MESSAGE_MAX) {
		const struct cfi_row *row = &table->rows[(*next)++];

		message__put_number(message, row->vaddr);
		message__put_number(message, row->rule);
	}
}

/* What a rule says only where it is of that kind is 0 elsewhere. */
static bool is_sane(const struct wire_unwind_rule *rule)
{
	bool has_register = rule->cfa == WIRE_CFA_REGISTER || rule->cfa == WIRE_CFA_DEREF;
	bool has_bp = rule->bp == WIRE_BP_SAVED || rule->bp == WIRE_BP_SAVED_BY_BP;
	const struct wire_unwind_rule bare = {.cfa = rule->cfa};

	if (rule->cfa > WIRE_CFA_UNSUPPORTED || rule->bp > WIRE_BP_UNKNOWN)
		return false;
	if (!has_register && rule->cfa != WIRE_CFA_PLT)
		return !memcmp(rule, &bare, sizeof(bare));
	if (rule->cfa == WIRE_CFA_PLT && (rule->cfa_offset < 0 || rule->cfa_offset >= PLT_ENTRY))
		return false;
	return rule->cfa_register < (has_register ? REGISTERS : 1) &&
	       (!rule->cfa_addend || rule->cfa == WIRE_CFA_DEREF) && (!rule->bp_offset || has_bp);
}

static int take_rule(struct cfi_table *table, struct message *message)
{
	static const struct wire_unwind_rule no_rule = {.cfa = WIRE_CFA_NONE};
	uint64_t halves[2];
	struct wire_unwind_rule rule;

	halves[0] = message__take_number(message);
	halves[1] = message__take_number(message);
	memcpy(&rule, halves, sizeof(rule));
	if (message->failed || table->rule_count == CFI_RULES_MAX || !is_sane(&rule) ||
	    (!table->rule_count && memcmp(&rule, &no_rule, sizeof(rule))))
		return -EBADMSG;
	return array_append(&table->rules, &table->rule_count, &table->rule_capacity, rule);
}

static int take_error(struct message *message)
{
	uint64_t error = message__take_number(message);

	if (message->type != MESSAGE_RULES || message->failed || error > ERRNO_MAX)
		return -EBADMSG;
	return error && !message__is_over(message) ? -EBADMSG : (int)error;
}

int cfi_arrival__begin(struct cfi_arrival *arrival, struct message *message)
{
	int err = take_error(message);

	if (err)
		return err;
	arrival->table = calloc(1, sizeof(*arrival->table));
	if (!arrival->table)
		return -ENOMEM;
	arrival->table->dropped = message__take_number(message);
	arrival->expected = message__take_number(message);
	if (message->failed || !arrival->expected || arrival->expected > CFI_ROWS_MAX + 1)
		return -EBADMSG;
	do {
		err = take_rule(arrival->table, message);
	} while (!err && !message__is_over(message));
	return err;
}

static int take_row(struct cfi_arrival *arrival, struct message *message)
{
	struct cfi_table *table = arrival->table;
	const struct cfi_row *last = table->row_count ? &table->rows[table->row_count - 1] : NULL;
	uint64_t vaddr = message__take_number(message);
	uint64_t rule = message__take_number(message);

	if (message->failed || table->row_count == arrival->expected || rule >= table->rule_count)
		return -EBADMSG;
	if (last && (last->vaddr >= vaddr || last->rule == rule))
		return -EBADMSG;
	if (table->row_count + 1 == arrival->expected && rule)
		return -EBADMSG;
	/* As much as was said need not come. */
	return array_append(&table->rows, &table->row_count, &table->row_capacity,
			    (struct cfi_row){.vaddr = vaddr, .rule = rule});
}

int cfi_arrival__add(struct cfi_arrival *arrival, struct message *message)
{
	int err = message->type == MESSAGE_ROWS ? 0 : -EBADMSG;

	/* One row at least: with empty messages there would be no end. */
	do {
		if (!err)
			err = take_row(arrival, message);
	} while (!err && !message__is_over(message));
	return err;
}

bool cfi_arrival__is_over(const struct cfi_arrival *arrival)
{
	return arrival->expected && arrival->table->row_count == arrival->expected;
}

struct cfi_table *cfi_arrival__end(struct cfi_arrival *arrival)
{
	struct cfi_table *table = arrival->table;

	if (cfi_arrival__is_over(arrival))
		return table;
	cfi_table__close(table);
	return NULL;
}
