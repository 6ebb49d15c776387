// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "symbol/line_rows.h"

static void a_row_goes_on_to_the_next(void **state)
{
	struct line_rows rows = {};

	(void)state;
	assert_null(line_rows__find(&rows, 0));
	assert_int_equal(line_rows__add(&rows, 0x1000, 1, 10), 0);
	assert_int_equal(line_rows__add(&rows, 0x1004, 1, 10), 0);
	assert_int_equal(line_rows__add(&rows, 0x1008, 2, 20), 0);
	assert_int_equal(line_rows__add(&rows, 0x1010, LINE_ROWS_NO_FILE, 0), 0);
	assert_int_equal(rows.count, 3);
	line_rows__trim(&rows);
	assert_null(line_rows__find(&rows, 0xfff));
	assert_int_equal(line_rows__find(&rows, 0x1000)->line, 10);
	assert_int_equal(line_rows__find(&rows, 0x1007)->line, 10);
	assert_int_equal(line_rows__find(&rows, 0x100f)->file, 2);
	assert_null(line_rows__find(&rows, 0x1010));
	assert_null(line_rows__find(&rows, UINT64_MAX));
	line_rows__release(&rows);
}

static void the_later_of_two_for_an_address_counts(void **state)
{
	struct line_rows rows = {};

	(void)state;
	assert_int_equal(line_rows__add(&rows, 0x1000, 1, 10), 0);
	assert_int_equal(line_rows__add(&rows, 0x1000, 1, 11), 0);
	assert_int_equal(line_rows__add(&rows, 0x1004, 1, 12), 0);
	assert_int_equal(line_rows__add(&rows, 0x1004, 1, 11), 0);
	assert_int_equal(rows.count, 1);
	assert_int_equal(line_rows__find(&rows, 0x1004)->line, 11);
	line_rows__release(&rows);
}

static void what_is_further_than_4_gib_is_left_out(void **state)
{
	struct line_rows rows = {};

	(void)state;
	assert_int_equal(line_rows__add(&rows, 0x1000, 1, 10), 0);
	assert_int_equal(line_rows__add(&rows, 0x1000 + (1ULL << 32), 1, 11), 0);
	assert_int_equal(rows.count, 1);
	assert_null(line_rows__find(&rows, 0x1000 + (1ULL << 32)));
	line_rows__release(&rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_goes_on_to_the_next),
		cmocka_unit_test(the_later_of_two_for_an_address_counts),
		cmocka_unit_test(what_is_further_than_4_gib_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
