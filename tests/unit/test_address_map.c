// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "symbol/address_map.h"

#define NONE ADDRESS_MAP_NONE

static void without_spans_nothing_is_found(void **state)
{
	struct address_map map = {};

	(void)state;
	assert_int_equal(address_map__build(&map, NULL, 0), 0);
	assert_int_equal(address_map__find(&map, 0), NONE);
	assert_int_equal(address_map__find(&map, UINT64_MAX), NONE);
	address_map__release(&map);
}

static void a_span_ends_before_its_end(void **state)
{
	struct address_span spans[] = {
		{.start = 0x20, .end = 0x30, .value = 2},
		{.start = 0x10, .end = 0x18, .value = 1},
	};
	struct address_map map;

	(void)state;
	assert_int_equal(address_map__build(&map, spans, 2), 0);
	assert_int_equal(address_map__find(&map, 0x0f), NONE);
	assert_int_equal(address_map__find(&map, 0x10), 1);
	assert_int_equal(address_map__find(&map, 0x17), 1);
	assert_int_equal(address_map__find(&map, 0x18), NONE);
	assert_int_equal(address_map__find(&map, 0x2f), 2);
	assert_int_equal(address_map__find(&map, 0x30), NONE);
	address_map__release(&map);
}

static void what_is_inside_counts_and_what_is_around_goes_on_behind_it(void **state)
{
	struct address_span spans[] = {
		{.start = 0x10, .end = 0x50, .value = 1},
		{.start = 0x20, .end = 0x30, .value = 2},
		{.start = 0x20, .end = 0x28, .value = 3},
	};
	struct address_map map;

	(void)state;
	assert_int_equal(address_map__build(&map, spans, 3), 0);
	assert_int_equal(address_map__find(&map, 0x1f), 1);
	assert_int_equal(address_map__find(&map, 0x20), 3);
	assert_int_equal(address_map__find(&map, 0x28), 2);
	assert_int_equal(address_map__find(&map, 0x30), 1);
	assert_int_equal(address_map__find(&map, 0x4f), 1);
	assert_int_equal(address_map__find(&map, 0x50), NONE);
	address_map__release(&map);
}

/* Any spans, and for each address the rule itself. */
static void overlaps_are_settled_by_the_rule(void **state)
{
	struct address_span spans[24];
	struct address_map map;
	unsigned int seed = 7;

	(void)state;
	for (int round = 0; round < 500; round++) {
		size_t count = rand_r(&seed) % 24 + 1;

		for (size_t i = 0; i < count; i++) {
			spans[i].start = rand_r(&seed) % 60;
			spans[i].end = spans[i].start + 1 + rand_r(&seed) % 30;
			spans[i].value = i;
		}
		assert_int_equal(address_map__build(&map, spans, count), 0);
		for (uint64_t at = 0; at < 100; at++) {
			const struct address_span *best = NULL;

			for (size_t i = 0; i < count; i++) {
				const struct address_span *span = &spans[i];

				if (at >= span->start && at < span->end &&
				    (!best || span->start > best->start ||
				     (span->start == best->start && span->end < best->end)))
					best = span;
			}
			if (best && address_map__find(&map, at) != best->value) {
				/* The same bytes twice: either will do. */
				const struct address_span *other = NULL;

				for (size_t i = 0; i < count; i++) {
					if (spans[i].value == address_map__find(&map, at))
						other = &spans[i];
				}
				assert_non_null(other);
				assert_int_equal(other->start, best->start);
				assert_int_equal(other->end, best->end);
			} else if (!best) {
				assert_int_equal(address_map__find(&map, at), NONE);
			}
		}
		address_map__release(&map);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_spans_nothing_is_found),
		cmocka_unit_test(a_span_ends_before_its_end),
		cmocka_unit_test(what_is_inside_counts_and_what_is_around_goes_on_behind_it),
		cmocka_unit_test(overlaps_are_settled_by_the_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
