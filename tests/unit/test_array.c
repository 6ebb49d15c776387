// SPDX-License-Identifier: Apache-2.0
/* Arrays grow by doubling and keep what they hold. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/array.h"

struct numbers {
	uint64_t *items;
	size_t count, capacity;
};

static __attribute__((noinline)) int append(struct numbers *numbers, uint64_t value)
{
	return array_append(&numbers->items, &numbers->count, &numbers->capacity, value);
}

static void what_was_appended_is_there_in_order(void **state)
{
	struct numbers numbers = {};

	(void)state;
	for (uint64_t i = 0; i < 100000; i++)
		assert_int_equal(append(&numbers, i * i), 0);
	assert_int_equal(numbers.count, 100000);
	assert_true(numbers.capacity >= numbers.count);
	for (uint64_t i = 0; i < 100000; i++)
		assert_int_equal(numbers.items[i], i * i);
	free(numbers.items);
}

static void an_array_with_room_stays_where_it_is(void **state)
{
	struct numbers numbers = {};
	uint64_t *before;

	(void)state;
	append(&numbers, 1);
	before = numbers.items;
	assert_int_equal(numbers.capacity, 16);
	while (numbers.count < 16)
		append(&numbers, 1);
	assert_ptr_equal(numbers.items, before);
	assert_int_equal(numbers.capacity, 16);
	append(&numbers, 1);
	assert_int_equal(numbers.capacity, 32);
	free(numbers.items);
}

static void a_struct_can_be_written_in_place(void **state)
{
	struct pair {
		int left, right;
	} *items = NULL;
	size_t count = 0, capacity = 0;

	(void)state;
	assert_int_equal(
		array_append(&items, &count, &capacity, (struct pair){.left = 1, .right = 2}), 0);
	assert_int_equal(count, 1);
	assert_int_equal(items[0].left, 1);
	assert_int_equal(items[0].right, 2);
	free(items);
}

/* Through a pointer that the compiler cannot see behind: it would refuse to compile the overflow.
 */
static int (*volatile append_unseen)(struct numbers *numbers, uint64_t value) = append;

/* ASan ends the process over it where malloc says NULL. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static void a_size_that_overflows_leaves_all_as_it_was(void **state)
{
	uint64_t *item = malloc(sizeof(*item));
	struct numbers numbers = {
		.items = item,
		.count = SIZE_MAX / 4,
		.capacity = SIZE_MAX / 4,
	};

	(void)state;
	*item = 7;
	assert_int_equal(append_unseen(&numbers, 8), -ENOMEM);
	assert_ptr_equal(numbers.items, item);
	assert_int_equal(numbers.count, SIZE_MAX / 4);
	assert_int_equal(numbers.capacity, SIZE_MAX / 4);
	assert_int_equal(*item, 7);
	free(item);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_appended_is_there_in_order),
		cmocka_unit_test(an_array_with_room_stays_where_it_is),
		cmocka_unit_test(a_struct_can_be_written_in_place),
		cmocka_unit_test(a_size_that_overflows_leaves_all_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
