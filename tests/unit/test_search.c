// SPDX-License-Identifier: Apache-2.0
/* In what is sorted the first that is not before something is found. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/search.h"

static const int numbers[] = {10, 20, 20, 30};

/* Of the first `count` numbers the first that is not below the bound. */
static size_t first_from(size_t count, int bound)
{
	return search_lower_bound(i, count, numbers[i] < bound);
}

static void the_first_of_equals_is_found(void **state)
{
	(void)state;
	assert_int_equal(first_from(4, 20), 1);
	assert_int_equal(first_from(4, 10), 0);
	assert_int_equal(first_from(4, 30), 3);
}

static void what_is_between_two_leads_to_the_next(void **state)
{
	(void)state;
	assert_int_equal(first_from(4, 5), 0);
	assert_int_equal(first_from(4, 15), 1);
	assert_int_equal(first_from(4, 25), 3);
}

static void behind_the_last_there_is_none(void **state)
{
	(void)state;
	assert_int_equal(first_from(4, 31), 4);
	assert_int_equal(first_from(3, 30), 3);
	assert_int_equal(first_from(0, 10), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_of_equals_is_found),
		cmocka_unit_test(what_is_between_two_leads_to_the_next),
		cmocka_unit_test(behind_the_last_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
