// SPDX-License-Identifier: Apache-2.0
/* Runs of mappings in the pool that the kernel side reads. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/mapping_pool.h"

struct fixture {
	struct wire_mapping *items;
	struct mapping_pool *pool;
};

static struct wire_mapping content[WIRE_MAPPING_POOL];

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture->items = calloc(WIRE_MAPPING_POOL, sizeof(*fixture->items));
	fixture->pool = mapping_pool__new(fixture->items);
	*state = fixture;
	return fixture->items && fixture->pool ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	mapping_pool__free(fixture->pool);
	free(fixture->items);
	free(fixture);
	return 0;
}

/* `count` mappings that nobody else's are like. */
static int64_t take(struct fixture *fixture, uint32_t count, uint64_t like)
{
	for (uint32_t i = 0; i < count; i++)
		content[i] = (struct wire_mapping){.start = like + i, .end = like + i + 1};
	return mapping_pool__take(fixture->pool, content, count);
}

/* The places in use: a list that ends with UINT32_MAX. */
static bool is_listed(void *context, uint32_t first)
{
	for (const uint32_t *used = context; *used != UINT32_MAX; used++) {
		if (*used == first)
			return true;
	}
	return false;
}

static void what_is_taken_is_written(void **state)
{
	struct fixture *fixture = *state;
	int64_t first = take(fixture, 3, 100), second = take(fixture, 2, 200);

	assert_true(first >= 0 && second >= 0);
	assert_int_equal(fixture->items[first].start, 100);
	assert_int_equal(fixture->items[first + 2].start, 102);
	assert_int_equal(fixture->items[second].start, 200);
	assert_int_equal(fixture->items[second + 1].start, 201);
}

static void what_is_equal_is_there_once(void **state)
{
	struct fixture *fixture = *state;
	int64_t first = take(fixture, 3, 100);

	assert_int_equal(take(fixture, 3, 100), first);
	assert_int_not_equal(take(fixture, 2, 100), first);
	assert_int_not_equal(take(fixture, 3, 101), first);
}

static void what_nobody_uses_is_given_out_again(void **state)
{
	struct fixture *fixture = *state;
	int64_t a = take(fixture, 3, 100), b = take(fixture, 3, 200), c = take(fixture, 3, 300);
	uint32_t used[] = {a, c, UINT32_MAX};

	assert_int_equal(mapping_pool__used(fixture->pool), 9);
	mapping_pool__reclaim(fixture->pool, is_listed, used);
	assert_int_equal(mapping_pool__used(fixture->pool), 6);
	assert_int_equal(take(fixture, 3, 400), b);
	assert_int_equal(fixture->items[a].start, 100);
	assert_int_equal(fixture->items[c].start, 300);
	/* Too large for the gap. */
	used[1] = UINT32_MAX;
	mapping_pool__reclaim(fixture->pool, is_listed, used);
	assert_int_equal(take(fixture, 3, 100), a);
	assert_int_equal(take(fixture, 7, 500), a + 3);
}

static void what_does_not_fit_is_refused(void **state)
{
	struct fixture *fixture = *state;
	uint32_t none = UINT32_MAX;

	assert_true(take(fixture, WIRE_MAPPING_POOL - 1, 1) >= 0);
	assert_true(take(fixture, 1, UINT32_MAX) >= 0);
	assert_int_equal(take(fixture, 1, 5), -ENOSPC);
	mapping_pool__reclaim(fixture->pool, is_listed, &none);
	assert_true(take(fixture, WIRE_MAPPING_POOL, 7) >= 0);
}

static void sum_starts(void *context, const struct wire_mapping *mapping)
{
	*(uint64_t *)context += mapping->start;
}

static void each_mapping_of_each_run_is_told(void **state)
{
	struct fixture *fixture = *state;
	uint32_t used[] = {0, UINT32_MAX};
	uint64_t sum = 0;

	take(fixture, 3, 100);
	take(fixture, 2, 1000);
	mapping_pool__each(fixture->pool, sum_starts, &sum);
	assert_int_equal(sum, 100 + 101 + 102 + 1000 + 1001);
	mapping_pool__reclaim(fixture->pool, is_listed, used);
	sum = 0;
	mapping_pool__each(fixture->pool, sum_starts, &sum);
	assert_int_equal(sum, 100 + 101 + 102);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_mapping_of_each_run_is_told, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_is_taken_is_written, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_equal_is_there_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_nobody_uses_is_given_out_again, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_does_not_fit_is_refused, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
