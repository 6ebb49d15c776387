// SPDX-License-Identifier: Apache-2.0
/* The kernel side's integer arithmetic against libm, and the sampling rule against the formula that
 * values are scaled by. Bounds are six standard deviations; the seeds are fixed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <linux/types.h>
#include <math.h>

#include "poisson.h"

#define DRAWS  1000000
#define SIGMAS 6

/* SplitMix64 (prng.di.unimi.it/splitmix64.c), high half. */
static uint32_t draw(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (z ^ z >> 31) >> 32;
}

/* The mantissa is cut to 31 fractional bits in each of 20 squarings: an error of 2^-31 (relative)
 * made in step i is doubled by every later one, but its bit is worth half as much, so that it
 * weighs 2^-31 * 2^-i * log2(e): at most 2^-30 * 1.45 in sum. Cutting the result to 20 bits adds
 * less than 2^-20. Both make log2 smaller, so its negative is never too small. */
static void assert_log_is_close(uint32_t u)
{
	double exact = -log2(u / 4294967296.0);
	double error = poisson_neg_log2(u) / 1048576.0 - exact;

	if (error < -1e-12 || error > 1.0 / 1048576 + 1.45 / 1073741824)
		fail_msg("u = %u: off by %g", u, error);
}

static void the_logarithm_is_within_two_to_the_minus_20_of_libm(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (uint32_t u = 1; u <= 100000; u++)
		assert_log_is_close(u);
	for (uint32_t u = UINT32_MAX; u >= UINT32_MAX - 100000; u--)
		assert_log_is_close(u);
	for (int i = 0; i < DRAWS; i++) {
		uint32_t u = draw(&seed);

		assert_log_is_close(u ? u : 1);
	}
}

static void powers_of_two_are_exact(void **state)
{
	(void)state;
	for (uint32_t bit = 0; bit < 32; bit++)
		assert_int_equal(poisson_neg_log2(1u << bit), (uint64_t)(32 - bit) << POISSON_BITS);
}

static void the_logarithm_never_rises_with_u(void **state)
{
	uint64_t last = UINT64_MAX;

	(void)state;
	for (uint64_t u = 1; u <= UINT32_MAX; u += 1 + u / 1000) {
		uint64_t now = poisson_neg_log2(u);

		assert_true(now <= last);
		last = now;
	}
}

/* The variance of an exponential is the square of its mean. */
static void a_million_gaps_have_the_rate_as_their_mean(void **state)
{
	static const uint64_t rates[] = {2, 100, 4096, 524288, POISSON_RATE_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(*rates); i++) {
		uint64_t seed = 2;
		double rate = rates[i], sum = 0, mean;

		for (int j = 0; j < DRAWS; j++)
			sum += poisson_gap(rates[i], draw(&seed));
		mean = sum / DRAWS;
		/* Whole bytes, rounded up: between the exact gap and one more. */
		assert_true(mean > rate - SIGMAS * rate / sqrt(DRAWS));
		assert_true(mean < rate + 1 + SIGMAS * rate / sqrt(DRAWS));
	}
}

static void gaps_longer_than_x_are_as_many_as_the_exponential_has(void **state)
{
	static const double times_rate[] = {0.01, 0.1, 0.5, 1, 2, 3, 5, 8};
	const uint64_t rate = 524288;

	(void)state;
	for (size_t i = 0; i < sizeof(times_rate) / sizeof(*times_rate); i++) {
		double p = exp(-times_rate[i]);
		uint64_t seed = 3, longer = 0;

		for (int j = 0; j < DRAWS; j++)
			longer += poisson_gap(rate, draw(&seed)) > times_rate[i] * rate;
		assert_true(fabs(longer - p * DRAWS) < SIGMAS * sqrt(DRAWS * p * (1 - p)));
	}
}

static void the_extremes_of_the_random_number_are_bounded(void **state)
{
	const uint64_t rate = 524288;
	double longest = 32 * log(2) * rate;

	(void)state;
	/* 0 has no logarithm and is taken for 1. */
	assert_int_equal(poisson_gap(rate, 0), poisson_gap(rate, 1));
	assert_true(fabs(poisson_gap(rate, 1) - longest) < 1e-5 * longest);
	/* A gap of 0 would mean none yet to the kernel side. */
	assert_in_range(poisson_gap(rate, UINT32_MAX), 1, 2);
	assert_in_range(poisson_gap(1, UINT32_MAX), 1, 2);
}

static void the_highest_rate_does_not_overflow(void **state)
{
	double longest = 32 * log(2) * POISSON_RATE_MAX;

	(void)state;
	assert_true(fabs(poisson_gap(POISSON_RATE_MAX, 1) - longest) < 1e-5 * longest);
	for (uint32_t bit = 1; bit < 32; bit++)
		assert_true(poisson_gap(POISSON_RATE_MAX, 1u << bit) <
			    poisson_gap(POISSON_RATE_MAX, 1u << (bit - 1)));
}

/* is_sampled() of heap.bpf.c, with the map's element as `gap`. */
static int is_sampled(uint64_t *gap, uint64_t size, uint64_t rate, uint64_t *seed)
{
	if (!*gap)
		*gap = poisson_gap(rate, draw(seed));
	if (*gap > size) {
		*gap -= size;
		return 0;
	}
	*gap = poisson_gap(rate, draw(seed));
	return 1;
}

/* A gap is rounded up to whole bytes, so it is at most S exactly if the exact one is below S: the
 * formula holds to the byte. */
static void assert_caught(uint64_t size, uint64_t rate)
{
	double p = -expm1(-(double)size / rate), expected = p * DRAWS;
	uint64_t seed = 4, gap = 0, caught = 0;

	for (int i = 0; i < DRAWS; i++)
		caught += is_sampled(&gap, size, rate, &seed);
	if (fabs(caught - expected) > SIGMAS * sqrt(DRAWS * p * (1 - p)) + 1)
		fail_msg("size %lu, rate %lu: %lu caught, %.0f expected", size, rate, caught,
			 expected);
}

static void a_small_object_is_caught_as_the_formula_says(void **state)
{
	(void)state;
	assert_caught(16, 524288);
	assert_caught(64, 4096);
	assert_caught(1000, 524288);
}

static void an_object_of_the_rate_is_caught_as_the_formula_says(void **state)
{
	(void)state;
	assert_caught(524288, 524288);
	assert_caught(4096, 4096);
}

static void a_big_object_is_caught_as_the_formula_says(void **state)
{
	(void)state;
	assert_caught(3 * 524288, 524288);
	assert_caught(100 * 524288, 524288);
}

/* Each size is caught with its own probability whatever lies between: the process has no memory. */
static void sizes_that_alternate_do_not_disturb_each_other(void **state)
{
	static const uint64_t sizes[] = {16, 100000, 4096, 524288};
	const uint64_t rate = 524288;
	uint64_t seed = 5, gap = 0, caught[4] = {};

	(void)state;
	for (int i = 0; i < DRAWS; i++)
		caught[i % 4] += is_sampled(&gap, sizes[i % 4], rate, &seed);
	for (int i = 0; i < 4; i++) {
		double p = -expm1(-(double)sizes[i] / rate);

		assert_true(fabs(caught[i] - p * DRAWS / 4) <
			    SIGMAS * sqrt(DRAWS / 4 * p * (1 - p)) + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_logarithm_is_within_two_to_the_minus_20_of_libm),
		cmocka_unit_test(powers_of_two_are_exact),
		cmocka_unit_test(the_logarithm_never_rises_with_u),
		cmocka_unit_test(a_million_gaps_have_the_rate_as_their_mean),
		cmocka_unit_test(gaps_longer_than_x_are_as_many_as_the_exponential_has),
		cmocka_unit_test(the_extremes_of_the_random_number_are_bounded),
		cmocka_unit_test(the_highest_rate_does_not_overflow),
		cmocka_unit_test(a_small_object_is_caught_as_the_formula_says),
		cmocka_unit_test(an_object_of_the_rate_is_caught_as_the_formula_says),
		cmocka_unit_test(a_big_object_is_caught_as_the_formula_says),
		cmocka_unit_test(sizes_that_alternate_do_not_disturb_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
