// SPDX-License-Identifier: Apache-2.0
/* Rows as messages: they come as they were, and no lie does. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unwind/cfi_message.h"

/* All that the messages say, at once. */
static struct cfi_table *carry(const struct cfi_table *table, int *err)
{
	struct message message = {.fd = -1};
	struct cfi_arrival arrival = {};
	size_t next = 0;

	cfi_message__put_rules(&message, table);
	*err = cfi_arrival__begin(&arrival, &message);
	while (!*err && next < table->row_count) {
		cfi_message__put_rows(&message, table, &next);
		*err = cfi_arrival__add(&arrival, &message);
	}
	message__release(&message);
	return cfi_arrival__end(&arrival);
}

static void assert_same(const struct cfi_table *table, const struct cfi_table *other)
{
	assert_non_null(other);
	assert_int_equal(other->row_count, table->row_count);
	assert_int_equal(other->rule_count, table->rule_count);
	assert_int_equal(other->dropped, table->dropped);
	assert_memory_equal(other->rules, table->rules, table->rule_count * sizeof(*table->rules));
	for (size_t i = 0; i < table->row_count; i++) {
		assert_int_equal(other->rows[i].vaddr, table->rows[i].vaddr);
		assert_int_equal(other->rows[i].rule, table->rows[i].rule);
	}
}

static void rows_of_real_files_come_as_they_are(void **state)
{
	static const char *const paths[] = {
		"/proc/self/exe",
		"/lib/x86_64-linux-gnu/libc.so.6",
		"/lib64/ld-linux-x86-64.so.2",
		"/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		int fd = open(paths[i], O_RDONLY | O_CLOEXEC), err;
		struct cfi_table *table = cfi_table__open(fd), *other;

		close(fd);
		assert_non_null(table);
		other = carry(table, &err);
		assert_int_equal(err, 0);
		assert_same(table, other);
		cfi_table__close(table);
		cfi_table__close(other);
	}
}

static const struct wire_unwind_rule some_rules[] = {
	{		       },
	{.cfa = WIRE_CFA_REGISTER, .cfa_register = 7, .cfa_offset = 8, .bx = 2},
	{.cfa = WIRE_CFA_DEREF,
	 .cfa_register = 6,
	 .cfa_offset = -8,
	 .cfa_addend = 16,
	 .bp = WIRE_BP_SAVED_BY_BP,
	 .bp_offset = INT32_MIN},
	{.cfa = WIRE_CFA_PLT,                        .cfa_offset = 11},
	{.cfa = WIRE_CFA_SIGNAL       },
	{.cfa = WIRE_CFA_END        },
	{.cfa = WIRE_CFA_UNSUPPORTED  },
};

#define RULES (sizeof(some_rules) / sizeof(*some_rules))
/* Of a table that is in order: the last but one has a rule. */
#define ROWS  101

/* So many rows that they are in many messages. */
static struct cfi_table *make_table(size_t rows)
{
	struct cfi_table *table = calloc(1, sizeof(*table));

	table->rows = calloc(rows, sizeof(*table->rows));
	table->rules = calloc(RULES, sizeof(*table->rules));
	memcpy(table->rules, some_rules, sizeof(some_rules));
	table->rule_count = RULES;
	table->row_count = rows;
	table->dropped = 3;
	for (size_t i = 0; i < rows; i++)
		table->rows[i] = (struct cfi_row){.vaddr = 0x1000 + i, .rule = i % RULES};
	table->rows[rows - 1].rule = 0;
	return table;
}

static void rows_of_many_messages_come_as_they_are(void **state)
{
	struct cfi_table *table = make_table(1000003), *other;
	int err;

	(void)state;
	other = carry(table, &err);
	assert_int_equal(err, 0);
	assert_same(table, other);
	cfi_table__close(table);
	cfi_table__close(other);
	/* What the lies below are told in. */
	table = make_table(ROWS);
	other = carry(table, &err);
	assert_same(table, other);
	cfi_table__close(table);
	cfi_table__close(other);
}

static void an_error_comes_as_it_is(void **state)
{
	struct message message = {.fd = -1};
	struct cfi_arrival arrival = {};

	(void)state;
	cfi_message__put_error(&message, ENOENT);
	assert_int_equal(cfi_arrival__begin(&arrival, &message), ENOENT);
	assert_null(cfi_arrival__end(&arrival));
	message__release(&message);
}

/* --- lies: each of a table that is in order but for them --- */

typedef void lie(struct cfi_table *table);

#define ROW_LIE(name, row, field, value)          \
	static void name(struct cfi_table *table) \
	{                                         \
		table->rows[row].field = value;   \
	}
#define RULE_LIE(name, rule, field, value)        \
	static void name(struct cfi_table *table) \
	{                                         \
		table->rules[rule].field = value; \
	}

ROW_LIE(is_not_sorted, 5, vaddr, 0x1003)
ROW_LIE(has_two_rows_at_a_place, 5, vaddr, 0x1004)
ROW_LIE(has_equal_neighbours, 5, rule, 4)
ROW_LIE(has_a_rule_that_is_not_there, 5, rule, RULES)
ROW_LIE(has_a_rule_by_far_not_there, 5, rule, UINT32_MAX)
ROW_LIE(does_not_end, ROWS - 1, rule, 3)
RULE_LIE(knows_where_nothing_is_known, 0, cfa, WIRE_CFA_END)
RULE_LIE(has_an_unknown_kind, 6, cfa, WIRE_CFA_UNSUPPORTED + 1)
RULE_LIE(goes_by_an_unknown_register, 1, cfa_register, 16)
RULE_LIE(adds_where_nothing_is_added, 1, cfa_addend, 1)
RULE_LIE(has_an_unknown_kind_of_rbp, 1, bp, WIRE_BP_UNKNOWN + 1)
RULE_LIE(has_a_place_for_no_rbp, 1, bp_offset, 8)
RULE_LIE(follows_by_an_unknown_register, 2, cfa_register, 255)
RULE_LIE(has_an_entry_of_a_plt_that_is_too_long, 3, cfa_offset, 16)
RULE_LIE(has_an_entry_of_a_plt_before_it, 3, cfa_offset, -1)
RULE_LIE(has_a_plt_by_a_register, 3, cfa_register, 7)
RULE_LIE(has_a_signal_frame_elsewhere, 4, cfa_offset, 8)
RULE_LIE(ends_and_goes_on, 5, bp, WIRE_BP_SAVED)
RULE_LIE(supports_what_is_not, 6, bx, 1)

static lie *const lies[] = {
	is_not_sorted,
	has_two_rows_at_a_place,
	has_equal_neighbours,
	has_a_rule_that_is_not_there,
	has_a_rule_by_far_not_there,
	does_not_end,
	knows_where_nothing_is_known,
	has_an_unknown_kind,
	goes_by_an_unknown_register,
	adds_where_nothing_is_added,
	has_an_unknown_kind_of_rbp,
	has_a_place_for_no_rbp,
	follows_by_an_unknown_register,
	has_an_entry_of_a_plt_that_is_too_long,
	has_an_entry_of_a_plt_before_it,
	has_a_plt_by_a_register,
	has_a_signal_frame_elsewhere,
	ends_and_goes_on,
	supports_what_is_not,
};

static void each_lie_in_a_table_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
		struct cfi_table *table = make_table(ROWS);
		int err;

		lies[i](table);
		assert_null(carry(table, &err));
		if (err != -EBADMSG)
			fail_msg("lie %zu is believed", i);
		cfi_table__close(table);
	}
}

/* --- lies in how it is told --- */

/* The first message of a table of 100 rows, which says that it has so many. */
static int begin(struct cfi_arrival *arrival, struct message *message, uint64_t rows)
{
	struct cfi_table *table = make_table(ROWS);
	int err;

	cfi_message__put_rules(message, table);
	memcpy(message->bytes + 16, &rows, sizeof(rows));
	err = cfi_arrival__begin(arrival, message);
	cfi_table__close(table);
	return err;
}

static void numbers_of_rows_that_no_file_has_are_refused(void **state)
{
	static const uint64_t rows[] = {0, CFI_ROWS_MAX + 2, UINT64_MAX};
	struct message message = {.fd = -1};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct cfi_arrival arrival = {};

		assert_int_equal(begin(&arrival, &message, rows[i]), -EBADMSG);
		assert_null(cfi_arrival__end(&arrival));
	}
	message__release(&message);
}

static void more_rules_than_a_file_may_have_are_refused(void **state)
{
	struct message message = {.fd = -1};
	struct cfi_arrival arrival = {};

	(void)state;
	cfi_message__put_error(&message, 0);
	message__put_number(&message, 0);
	message__put_number(&message, 100);
	for (size_t i = 0; i < 2 * (CFI_RULES_MAX + 1); i++)
		message__put_number(&message, 0);
	assert_int_equal(cfi_arrival__begin(&arrival, &message), -EBADMSG);
	assert_null(cfi_arrival__end(&arrival));
	message__release(&message);
}

static void a_beginning_that_is_cut_is_refused(void **state)
{
	struct message message = {.fd = -1};

	(void)state;
	for (size_t size = 0; size < 24 + 16 * RULES; size++) {
		struct cfi_table *table = make_table(ROWS);
		struct cfi_arrival arrival = {};

		cfi_message__put_rules(&message, table);
		message.size = size;
		/* Fewer rules than there are to be are found out by the rows. */
		if (size < 40 || (size - 24) % 16)
			assert_int_equal(cfi_arrival__begin(&arrival, &message), -EBADMSG);
		assert_null(cfi_arrival__end(&arrival));
		cfi_table__close(table);
	}
	message__release(&message);
}

static void errors_that_are_none_are_refused(void **state)
{
	static const int errors[] = {-1, 4096, INT32_MAX};
	struct message message = {.fd = -1};

	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		struct cfi_arrival arrival = {};

		cfi_message__put_error(&message, errors[i]);
		assert_int_equal(cfi_arrival__begin(&arrival, &message), -EBADMSG);
	}
	/* One with a table behind it. */
	cfi_message__put_error(&message, ENOENT);
	message__put_number(&message, 0);
	assert_int_equal(cfi_arrival__begin(&(struct cfi_arrival){}, &message), -EBADMSG);
	/* One that is of another kind. */
	cfi_message__put_error(&message, ENOENT);
	message.type = MESSAGE_ROWS;
	assert_int_equal(cfi_arrival__begin(&(struct cfi_arrival){}, &message), -EBADMSG);
	message__release(&message);
}

static int add(struct cfi_arrival *arrival, struct message *message, enum message_type type,
	       size_t first, size_t count)
{
	message__begin(message, type);
	for (size_t i = first; i < first + count; i++) {
		message__put_number(message, 0x1000 + i);
		message__put_number(message, i % 2);
	}
	return cfi_arrival__add(arrival, message);
}

static void rows_that_were_not_to_come_are_refused(void **state)
{
	struct message message = {.fd = -1};
	struct cfi_arrival arrival = {};

	(void)state;
	/* 0 1 0 1 0: five are in order. */
	assert_int_equal(begin(&arrival, &message, 5), 0);
	assert_false(cfi_arrival__is_over(&arrival));
	assert_int_equal(add(&arrival, &message, MESSAGE_RULES, 0, 1), -EBADMSG);
	assert_int_equal(add(&arrival, &message, MESSAGE_ROWS, 0, 0), -EBADMSG);
	assert_int_equal(add(&arrival, &message, MESSAGE_ROWS, 0, 4), 0);
	assert_false(cfi_arrival__is_over(&arrival));
	assert_int_equal(add(&arrival, &message, MESSAGE_ROWS, 4, 2), -EBADMSG);
	cfi_table__close(arrival.table);

	/* A row in two messages. */
	arrival = (struct cfi_arrival){};
	assert_int_equal(begin(&arrival, &message, 5), 0);
	message__begin(&message, MESSAGE_ROWS);
	message__put_number(&message, 0x1000);
	assert_int_equal(cfi_arrival__add(&arrival, &message), -EBADMSG);
	assert_null(cfi_arrival__end(&arrival));
	message__release(&message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_of_real_files_come_as_they_are),
		cmocka_unit_test(rows_of_many_messages_come_as_they_are),
		cmocka_unit_test(an_error_comes_as_it_is),
		cmocka_unit_test(each_lie_in_a_table_is_refused),
		cmocka_unit_test(numbers_of_rows_that_no_file_has_are_refused),
		cmocka_unit_test(more_rules_than_a_file_may_have_are_refused),
		cmocka_unit_test(a_beginning_that_is_cut_is_refused),
		cmocka_unit_test(errors_that_are_none_are_refused),
		cmocka_unit_test(rows_that_were_not_to_come_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
