// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "history.h"

#define START 1700000000123

static struct history history;
static struct history_point points[HISTORY_POINTS];

static int clear(void **state)
{
	(void)state;
	history = (struct history){};
	return 0;
}

/* A point of which its number of threads tells which it is. */
static void add(int64_t ms, uint64_t threads)
{
	history__add(&history, START + ms,
		     &(struct history_point){.is_known = true, .threads = threads});
}

static void assert_since(int64_t since_ms, size_t count, int64_t first_ms, uint64_t first_threads)
{
	int64_t first;

	assert_int_equal(history__since(&history, since_ms, points, &first), count);
	assert_int_equal(first, first_ms);
	if (count) {
		assert_true(points[0].is_known);
		assert_int_equal(points[0].threads, first_threads);
	}
}

static void nothing_is_nothing(void **state)
{
	int64_t first;

	(void)state;
	assert_int_equal(history__since(&history, 0, points, &first), 0);
	assert_int_equal(history__since(&history, INT64_MAX, points, &first), 0);
}

static void points_are_a_second_apart(void **state)
{
	(void)state;
	add(0, 1);
	add(998, 2);  /* early */
	add(2007, 3); /* late */
	assert_since(0, 3, START, 1);
	assert_int_equal(points[1].threads, 2);
	assert_int_equal(points[2].threads, 3);
}

static void since_is_what_comes_after(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		add(i * 1000, i);
	assert_since(START - 1, 5, START, 0);
	assert_since(START, 4, START + 1000, 1);
	assert_since(START + 999, 4, START + 1000, 1);
	assert_since(START + 1000, 3, START + 2000, 2);
	assert_since(START + 3999, 1, START + 4000, 4);
	assert_since(START + 4000, 0, START + 5000, 0);
	assert_since(INT64_MAX, 0, START + 5000, 0);
	assert_since(INT64_MIN, 5, START, 0);
}

static void a_second_without_a_look_is_unknown(void **state)
{
	(void)state;
	add(0, 1);
	add(3000, 4);
	assert_since(0, 4, START, 1);
	assert_false(points[1].is_known);
	assert_false(points[2].is_known);
	assert_true(points[3].is_known);
}

static void of_two_looks_in_one_second_the_first_counts(void **state)
{
	(void)state;
	add(0, 1);
	add(200, 2);
	add(-5000, 3);
	assert_since(0, 1, START, 1);
}

static void the_last_ten_minutes_are_kept(void **state)
{
	(void)state;
	for (int i = 0; i < 2 * HISTORY_POINTS + 7; i++)
		add(i * 1000, i);
	assert_since(0, HISTORY_POINTS, START + (HISTORY_POINTS + 7) * 1000, HISTORY_POINTS + 7);
	assert_int_equal(points[HISTORY_POINTS - 1].threads, 2 * HISTORY_POINTS + 6);
	assert_since(START + (2 * HISTORY_POINTS + 5) * 1000, 1,
		     START + (2 * HISTORY_POINTS + 6) * 1000, 2 * HISTORY_POINTS + 6);
}

/* The machine was asleep. */
static void a_gap_of_days_takes_no_longer_than_one_of_minutes(void **state)
{
	int64_t first, days = 100000LL * HISTORY_POINTS;

	(void)state;
	add(0, 1);
	add(days * 1000, 2);
	assert_int_equal(history__since(&history, 0, points, &first), HISTORY_POINTS);
	assert_int_equal(first, START + (days + 1 - HISTORY_POINTS) * 1000);
	assert_false(points[0].is_known);
	assert_int_equal(points[HISTORY_POINTS - 1].threads, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nothing_is_nothing, clear),
		cmocka_unit_test_setup(points_are_a_second_apart, clear),
		cmocka_unit_test_setup(since_is_what_comes_after, clear),
		cmocka_unit_test_setup(a_second_without_a_look_is_unknown, clear),
		cmocka_unit_test_setup(of_two_looks_in_one_second_the_first_counts, clear),
		cmocka_unit_test_setup(the_last_ten_minutes_are_kept, clear),
		cmocka_unit_test_setup(a_gap_of_days_takes_no_longer_than_one_of_minutes, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
