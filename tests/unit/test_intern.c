// SPDX-License-Identifier: Apache-2.0
/* Equal keys, equal numbers. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/intern.h"

#define MANY 100000

static void numbers_come_in_order_of_first_sight(void **state)
{
	struct intern *intern = intern__new();

	(void)state;
	assert_non_null(intern);
	assert_int_equal(intern__count(intern), 0);
	assert_int_equal(intern__id(intern, "one", 3, NULL), 0);
	assert_int_equal(intern__id(intern, "two", 3, NULL), 1);
	assert_int_equal(intern__id(intern, "one", 3, NULL), 0);
	assert_int_equal(intern__id(intern, "three", 5, NULL), 2);
	assert_int_equal(intern__count(intern), 3);
	intern__free(intern);
}

static void a_key_is_new_once(void **state)
{
	struct intern *intern = intern__new();
	bool is_new = false;

	(void)state;
	intern__id(intern, "key", 3, &is_new);
	assert_true(is_new);
	intern__id(intern, "key", 3, &is_new);
	assert_false(is_new);
	intern__free(intern);
}

static void find_never_adds(void **state)
{
	struct intern *intern = intern__new();

	(void)state;
	assert_int_equal(intern__find(intern, "key", 3), INTERN_FAILED);
	assert_int_equal(intern__count(intern), 0);
	assert_int_equal(intern__id(intern, "key", 3, NULL), 0);
	assert_int_equal(intern__find(intern, "key", 3), 0);
	assert_int_equal(intern__find(intern, "ke", 2), INTERN_FAILED);
	assert_int_equal(intern__find(intern, "keys", 4), INTERN_FAILED);
	intern__free(intern);
}

static void the_key_is_copied(void **state)
{
	struct intern *intern = intern__new();
	char key[] = "before";

	(void)state;
	assert_int_equal(intern__id(intern, key, 6, NULL), 0);
	memcpy(key, "after!", 6);
	assert_int_equal(intern__find(intern, "before", 6), 0);
	assert_int_equal(intern__find(intern, "after!", 6), INTERN_FAILED);
	intern__free(intern);
}

static void bytes_behind_a_nul_count(void **state)
{
	struct intern *intern = intern__new();

	(void)state;
	assert_int_equal(intern__id(intern, "a\0b", 3, NULL), 0);
	assert_int_equal(intern__id(intern, "a\0c", 3, NULL), 1);
	assert_int_equal(intern__id(intern, "a", 1, NULL), 2);
	assert_int_equal(intern__id(intern, "a\0", 2, NULL), 3);
	assert_int_equal(intern__find(intern, "a\0c", 3), 1);
	intern__free(intern);
}

static void the_empty_key_is_a_key(void **state)
{
	struct intern *intern = intern__new();

	(void)state;
	assert_int_equal(intern__find(intern, "", 0), INTERN_FAILED);
	assert_int_equal(intern__id(intern, "x", 1, NULL), 0);
	assert_int_equal(intern__id(intern, "", 0, NULL), 1);
	assert_int_equal(intern__find(intern, "", 0), 1);
	intern__free(intern);
}

static void a_hundred_thousand_keys_are_kept_apart(void **state)
{
	struct intern *intern = intern__new();
	char key[32];

	(void)state;
	for (uint32_t i = 0; i < MANY; i++)
		assert_int_equal(intern__id(intern, key, sprintf(key, "key %u", i), NULL), i);
	assert_int_equal(intern__count(intern), MANY);
	for (uint32_t i = 0; i < MANY; i++)
		assert_int_equal(intern__find(intern, key, sprintf(key, "key %u", i)), i);
	intern__free(intern);
}

static void freeing_nothing_is_fine(void **state)
{
	(void)state;
	intern__free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_come_in_order_of_first_sight),
		cmocka_unit_test(a_key_is_new_once),
		cmocka_unit_test(find_never_adds),
		cmocka_unit_test(the_key_is_copied),
		cmocka_unit_test(bytes_behind_a_nul_count),
		cmocka_unit_test(the_empty_key_is_a_key),
		cmocka_unit_test(a_hundred_thousand_keys_are_kept_apart),
		cmocka_unit_test(freeing_nothing_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
