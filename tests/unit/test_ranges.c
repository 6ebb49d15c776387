// SPDX-License-Identifier: Apache-2.0
/* Parts of a row of places that are taken and given back. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/ranges.h"

#define CHUNKS 4
#define SIZE   16

static int set_up(void **state)
{
	*state = ranges__new(CHUNKS, SIZE);
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	ranges__free(*state);
	return 0;
}

static void the_first_room_is_taken(void **state)
{
	assert_int_equal(ranges__take(*state, 5), 0);
	assert_int_equal(ranges__take(*state, 3), 5);
	ranges__give(*state, 0, 5);
	assert_int_equal(ranges__take(*state, 6), 8);
	assert_int_equal(ranges__take(*state, 4), 0);
	assert_int_equal(ranges__left(*state), CHUNKS * SIZE - 3 - 6 - 4);
}

static void no_range_lies_in_two_chunks(void **state)
{
	assert_int_equal(ranges__take(*state, 10), 0);
	assert_int_equal(ranges__take(*state, 10), SIZE);
	assert_int_equal(ranges__take(*state, SIZE), 2 * SIZE);
	assert_int_equal(ranges__take(*state, SIZE + 1), -ENOSPC);
	/* Two that are free side by side are still two. */
	ranges__give(*state, 0, 10);
	ranges__give(*state, SIZE, 10);
	ranges__give(*state, 2 * SIZE, SIZE);
	assert_int_equal(ranges__take(*state, SIZE + 1), -ENOSPC);
	assert_int_equal(ranges__longest(*state), SIZE);
}

/* In each order: beside nothing, before a gap, behind one, between two. */
static void what_is_given_back_joins_its_neighbours(void **state)
{
	static const int orders[][3] = {
		{0, 1, 2},
                {0, 2, 1},
                {1, 0, 2},
                {1, 2, 0},
                {2, 0, 1},
                {2, 1, 0},
	};

	for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
		for (int j = 0; j < CHUNKS * 4; j++)
			assert_int_equal(ranges__take(*state, 4), 4 * j);
		assert_int_equal(ranges__take(*state, 1), -ENOSPC);
		assert_int_equal(ranges__longest(*state), 0);
		for (int j = 0; j < 3; j++)
			ranges__give(*state, SIZE + 4 * orders[i][j], 4);
		assert_int_equal(ranges__take(*state, 12), SIZE);
		ranges__give(*state, SIZE, 12);
		for (int j = 0; j < CHUNKS * 4; j++) {
			if (j < 4 || j >= 7)
				ranges__give(*state, 4 * j, 4);
		}
		assert_int_equal(ranges__left(*state), CHUNKS * SIZE);
		assert_int_equal(ranges__longest(*state), SIZE);
	}
}

static void a_chunk_is_free_when_all_of_it_is(void **state)
{
	assert_int_equal(ranges__take(*state, SIZE), 0);
	assert_int_equal(ranges__take(*state, 1), SIZE);
	assert_int_equal(ranges__take(*state, SIZE - 1), SIZE + 1);
	assert_false(ranges__chunk_is_free(*state, 0));
	assert_true(ranges__chunk_is_free(*state, 2));
	ranges__give(*state, SIZE + 1, SIZE - 1);
	assert_false(ranges__chunk_is_free(*state, 1));
	ranges__give(*state, SIZE, 1);
	assert_true(ranges__chunk_is_free(*state, 1));
	assert_true(ranges__chunk_is_free(*state, CHUNKS - 1));
}

#define PLACES (64 * 256)

/* Against a list of every place, with as many ranges as there can be. */
static void many_agree_with_a_simple_list(void **state)
{
	struct ranges *ranges = ranges__new(64, 256);
	static uint16_t lengths[PLACES]; /* of ranges, at their first place */
	static bool is_taken[PLACES];
	uint32_t left = PLACES;

	(void)state;
	srand(1);
	for (int i = 0; i < 200000; i++) {
		uint32_t count = 1 + rand() % (rand() % 8 ? 3 : 256), place = rand() % PLACES;
		int64_t first = i % 40000 < 25000 ? ranges__take(ranges, count) : -ENOSPC;

		if (first >= 0) {
			assert_int_equal(first / 256, (first + count - 1) / 256);
			for (uint32_t j = first; j < first + count; j++) {
				assert_false(is_taken[j]);
				is_taken[j] = true;
			}
			lengths[first] = count;
			left -= count;
		} else if (lengths[place]) {
			ranges__give(ranges, place, lengths[place]);
			memset(&is_taken[place], 0, lengths[place]);
			left += lengths[place];
			lengths[place] = 0;
		}
		assert_int_equal(ranges__left(ranges), left);
	}
	ranges__free(ranges);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_first_room_is_taken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_range_lies_in_two_chunks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_given_back_joins_its_neighbours, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_chunk_is_free_when_all_of_it_is, set_up,
						tear_down),
		cmocka_unit_test(many_agree_with_a_simple_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
