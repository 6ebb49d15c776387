// SPDX-License-Identifier: Apache-2.0
/* Numbers that equal keys share while somebody holds them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/shares.h"

#define MOST 100

static int set_up(void **state)
{
	*state = shares__new(MOST);
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	shares__free(*state);
	return 0;
}

static int64_t take(void **state, const char *key, bool expected_new)
{
	bool is_new;
	int64_t number = shares__take(*state, key, strlen(key), &is_new);

	assert_int_equal(is_new, expected_new);
	return number;
}

static void equal_keys_share_a_number(void **state)
{
	assert_int_equal(take(state, "a", true), 0);
	assert_int_equal(take(state, "b", true), 1);
	assert_int_equal(take(state, "a", false), 0);
	assert_int_equal(shares__count(*state), 2);
	assert_int_equal(shares__find(*state, "b", 1), 1);
	assert_int_equal(shares__find(*state, "c", 1), -ENOENT);
}

static void a_number_is_held_until_the_last_has_put_it(void **state)
{
	take(state, "a", true);
	take(state, "a", false);
	shares__put(*state, 0);
	assert_int_equal(take(state, "b", true), 1);
	assert_int_equal(shares__find(*state, "a", 1), 0);
	shares__put(*state, 0);
	assert_int_equal(shares__find(*state, "a", 1), -ENOENT);
	assert_int_equal(take(state, "c", true), 0);
	assert_int_equal(take(state, "a", true), 2);
	assert_int_equal(shares__count(*state), 3);
}

static void there_are_only_so_many(void **state)
{
	bool is_new;

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < MOST; i++)
			assert_true(shares__take(*state, &i, sizeof(i), &is_new) >= 0);
		assert_int_equal(take(state, "one more", true), -ENOSPC);
		/* What is there is still found. */
		assert_in_range(shares__take(*state, &round, sizeof(round), &is_new), 0, MOST - 1);
		assert_false(is_new);
		shares__put(*state, shares__find(*state, &round, sizeof(round)));
		for (int i = 0; i < MOST; i++)
			shares__put(*state, shares__find(*state, &i, sizeof(i)));
		assert_int_equal(shares__count(*state), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(equal_keys_share_a_number, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_number_is_held_until_the_last_has_put_it, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(there_are_only_so_many, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
