// SPDX-License-Identifier: Apache-2.0
/* What sampled objects stand for. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#include "profile/scale.h"

#define RATE 524288

static void assert_close(double value, double expected)
{
	if (fabs(value - expected) > 1e-9 * fabs(expected))
		fail_msg("%.17g, not %.17g", value, expected);
}

/* 1 / (1 - e^-(size / rate)) */
static void an_object_stands_for_one_over_its_probability(void **state)
{
	(void)state;
	assert_close(scale__objects(RATE, RATE), 1.5819767068693265);
	assert_close(scale__objects(2 * RATE, RATE), 1.1565176427496657);
	assert_close(scale__objects(RATE / 2, RATE), 2.5414940825367984);
	/* 1/x + 1/2 + x/12 for a small x = size / rate */
	assert_close(scale__objects(16, RATE), 32768 + 0.5 + 1.0 / 32768 / 12);
	assert_close(scale__objects(1, 1ULL << 36), 68719476736.5);
}

static void a_big_object_stands_for_itself(void **state)
{
	(void)state;
	assert_close(scale__objects(100ULL * RATE, RATE), 1);
	assert_close(scale__objects(UINT64_MAX, RATE), 1);
	assert_int_equal(scale__count(7, 100ULL * RATE, RATE), 7);
	assert_int_equal(scale__bytes(7, 100ULL * RATE, RATE), 700LL * RATE);
}

static void a_rate_of_1_or_0_means_every_object(void **state)
{
	(void)state;
	for (uint64_t rate = 0; rate <= 1; rate++) {
		assert_close(scale__objects(1, rate), 1);
		assert_close(scale__objects(1000, rate), 1);
		assert_int_equal(scale__count(42, 1, rate), 42);
		assert_int_equal(scale__bytes(42, 10, rate), 420);
	}
}

static void an_object_of_no_bytes_stands_for_itself(void **state)
{
	(void)state;
	assert_close(scale__objects(0, RATE), 1);
	assert_int_equal(scale__count(3, 0, RATE), 3);
	assert_int_equal(scale__bytes(3, 0, RATE), 0);
}

static void counts_and_bytes_are_scaled_and_rounded(void **state)
{
	(void)state;
	/* 1.58197..., 15.8197..., and 1.58197... * 524288 = 829411.4 */
	assert_int_equal(scale__count(1, RATE, RATE), 2);
	assert_int_equal(scale__count(10, RATE, RATE), 16);
	assert_int_equal(scale__bytes(1, RATE, RATE), 829411);
	/* Not the rounded count times the size. */
	assert_int_equal(scale__bytes(10, RATE, RATE), 8294114);
	assert_int_equal(scale__count(2, 16, RATE), 65537);
	assert_int_equal(scale__bytes(2, 16, RATE), 1048592);
}

static void what_is_negative_is_scaled_alike(void **state)
{
	(void)state;
	assert_int_equal(scale__count(0, RATE, RATE), 0);
	assert_int_equal(scale__bytes(0, RATE, RATE), 0);
	assert_int_equal(scale__count(-10, RATE, RATE), -16);
	assert_int_equal(scale__bytes(-10, RATE, RATE), -8294114);
}

static void what_is_too_much_is_cut_and_does_not_overflow(void **state)
{
	(void)state;
	assert_int_equal(scale__bytes(1000, UINT64_MAX, RATE), 1LL << 53);
	assert_int_equal(scale__bytes(-1000, UINT64_MAX, RATE), -(1LL << 53));
	assert_int_equal(scale__count(INT64_MAX, 1, 1ULL << 36), 1LL << 53);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_stands_for_one_over_its_probability),
		cmocka_unit_test(a_big_object_stands_for_itself),
		cmocka_unit_test(a_rate_of_1_or_0_means_every_object),
		cmocka_unit_test(an_object_of_no_bytes_stands_for_itself),
		cmocka_unit_test(counts_and_bytes_are_scaled_and_rounded),
		cmocka_unit_test(what_is_negative_is_scaled_alike),
		cmocka_unit_test(what_is_too_much_is_cut_and_does_not_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
