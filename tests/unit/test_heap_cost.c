// SPDX-License-Identifier: Apache-2.0
/* What probes cost, and the budget for it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#include "heap_cost.h"

#define SECOND 1000000000LL

static const struct heap_prices prices = {
	.emulated_ns = 500, .stepped_ns = 15000, .return_ns = 200};

#define ASSERT_NEAR(a, b) assert_true(fabs((a) - (double)(b)) < 1e-9 * (1 + fabs((double)(b))))

static struct heap_reading reading(int64_t second, uint64_t emulated, uint64_t cpu_ms)
{
	return (struct heap_reading){
		.time_ns = second * SECOND,
		.hits = {.emulated = emulated},
		.cpu_ns = cpu_ms * 1000000,
	};
}

static void add(struct heap_meter *meter, int64_t second, uint64_t emulated, uint64_t cpu_ms)
{
	struct heap_reading now = reading(second, emulated, cpu_ms);

	heap_meter__add(meter, &now);
}

static void one_reading_says_nothing(void **state)
{
	struct heap_meter meter = {};

	(void)state;
	assert_true(heap_meter__cost(&meter, &prices).seconds == 0);
	add(&meter, 1, 1000, 1000);
	assert_true(heap_meter__cost(&meter, &prices).seconds == 0);
	assert_true(heap_meter__last_share(&meter, &prices) < 0);
}

static void the_share_is_time_in_probes_by_time_on_the_cpu(void **state)
{
	struct heap_meter meter = {};
	struct heap_cost cost;

	(void)state;
	add(&meter, 1, 5000, 100);
	/* 200,000 hits of 500 ns in 2 s, of 1 s of CPU time. */
	add(&meter, 3, 205000, 1100);
	cost = heap_meter__cost(&meter, &prices);
	ASSERT_NEAR(cost.seconds, 2);
	ASSERT_NEAR(cost.hits, 100000);
	ASSERT_NEAR(cost.ns_a_hit, 500);
	ASSERT_NEAR(cost.share, 0.1);
	ASSERT_NEAR(heap_meter__last_share(&meter, &prices), 0.1);
}

static void each_kind_of_hit_has_its_price(void **state)
{
	struct heap_meter meter = {};
	struct heap_reading from = reading(1, 0, 0), to = reading(2, 10, 1);
	struct heap_cost cost;

	(void)state;
	to.hits.stepped = 10;
	to.hits.returns = 5;
	to.hits.stack_ns = 4000;
	heap_meter__add(&meter, &from);
	heap_meter__add(&meter, &to);
	cost = heap_meter__cost(&meter, &prices);
	ASSERT_NEAR(cost.hits, 20);
	ASSERT_NEAR(cost.ns_a_hit, (10 * 500 + 10 * 15000 + 5 * 200 + 4000) / 20.);
	ASSERT_NEAR(cost.share, 160000 / 1e6);
}

static void no_hits_are_no_cost(void **state)
{
	struct heap_meter meter = {};
	struct heap_cost cost;

	(void)state;
	add(&meter, 1, 7, 5);
	add(&meter, 2, 7, 5);
	cost = heap_meter__cost(&meter, &prices);
	ASSERT_NEAR(cost.hits, 0);
	ASSERT_NEAR(cost.ns_a_hit, 0);
	ASSERT_NEAR(cost.share, 0);
}

static void more_than_all_the_time_it_cannot_be(void **state)
{
	struct heap_meter meter = {};

	(void)state;
	add(&meter, 1, 0, 0);
	add(&meter, 2, 10000000, 10);
	ASSERT_NEAR(heap_meter__cost(&meter, &prices).share, 1);
}

static void figures_are_of_the_last_ten_seconds(void **state)
{
	struct heap_meter meter = {};
	struct heap_cost cost;

	(void)state;
	/* A million hits a second for a minute, then ten seconds of a thousand. */
	for (int i = 0; i < 60; i++)
		add(&meter, i, i * 1000000ULL, i * 1000);
	for (int i = 0; i <= 10; i++)
		add(&meter, 60 + i, 60000000 + i * 1000ULL, 60000 + i * 1000);
	cost = heap_meter__cost(&meter, &prices);
	ASSERT_NEAR(cost.seconds, 10);
	ASSERT_NEAR(cost.hits, 1000);
	heap_meter__clear(&meter);
	assert_true(heap_meter__cost(&meter, &prices).seconds == 0);
}

static void without_a_limit_nothing_is_too_much(void **state)
{
	struct heap_budget budget = {};

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(heap_budget__see(&budget, 1, i * SECOND), HEAP_BUDGET_GO_ON);
}

static void five_readings_in_a_row_are_too_much(void **state)
{
	struct heap_budget budget = {.limit = 0.05};
	int64_t now = 1000 * SECOND;

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(heap_budget__see(&budget, 0.06, now += SECOND), HEAP_BUDGET_GO_ON);
	/* One within it starts the count anew, and so does one that is not known. */
	assert_int_equal(heap_budget__see(&budget, 0.05, now += SECOND), HEAP_BUDGET_GO_ON);
	for (int i = 0; i < 4; i++)
		assert_int_equal(heap_budget__see(&budget, 0.06, now += SECOND), HEAP_BUDGET_GO_ON);
	assert_int_equal(heap_budget__see(&budget, -1, now += SECOND), HEAP_BUDGET_GO_ON);
	for (int i = 0; i < 4; i++)
		assert_int_equal(heap_budget__see(&budget, 0.06, now += SECOND), HEAP_BUDGET_GO_ON);
	assert_int_equal(heap_budget__see(&budget, 0.06, now += SECOND), HEAP_BUDGET_DETACH);
	assert_true(budget.is_over);
}

/* Seconds from being over the limit for good until the probes are off; how long they stay off goes
 * to `off`. */
static void go_over(struct heap_budget *budget, int64_t *now, int *off)
{
	enum heap_budget_verdict verdict;

	do {
		verdict = heap_budget__see(budget, 0.5, *now += SECOND);
	} while (verdict == HEAP_BUDGET_GO_ON);
	assert_int_equal(verdict, HEAP_BUDGET_DETACH);
	*off = 0;
	do {
		verdict = heap_budget__see(budget, 0.5, *now += SECOND);
		(*off)++;
	} while (verdict == HEAP_BUDGET_GO_ON);
	assert_int_equal(verdict, HEAP_BUDGET_ATTACH);
	assert_false(budget->is_over);
}

static void each_try_in_vain_waits_twice_as_long(void **state)
{
	static const int waits[] = {30, 60, 120, 240, 480, 960, 1800, 1800};
	struct heap_budget budget = {.limit = 0.05};
	int64_t now = 0;
	int off;

	(void)state;
	for (size_t i = 0; i < sizeof(waits) / sizeof(*waits); i++) {
		go_over(&budget, &now, &off);
		assert_int_equal(off, waits[i]);
	}
}

static void a_calm_time_starts_the_waits_anew(void **state)
{
	struct heap_budget budget = {.limit = 0.05};
	int64_t now = 0;
	int off;

	(void)state;
	go_over(&budget, &now, &off);
	go_over(&budget, &now, &off);
	assert_int_equal(off, 60);
	for (int i = 0; i < 290; i++)
		heap_budget__see(&budget, 0.01, now += SECOND);
	go_over(&budget, &now, &off);
	assert_int_equal(off, 120);
	for (int i = 0; i < 300; i++)
		heap_budget__see(&budget, 0.01, now += SECOND);
	go_over(&budget, &now, &off);
	assert_int_equal(off, 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_reading_says_nothing),
		cmocka_unit_test(the_share_is_time_in_probes_by_time_on_the_cpu),
		cmocka_unit_test(each_kind_of_hit_has_its_price),
		cmocka_unit_test(no_hits_are_no_cost),
		cmocka_unit_test(more_than_all_the_time_it_cannot_be),
		cmocka_unit_test(figures_are_of_the_last_ten_seconds),
		cmocka_unit_test(without_a_limit_nothing_is_too_much),
		cmocka_unit_test(five_readings_in_a_row_are_too_much),
		cmocka_unit_test(each_try_in_vain_waits_twice_as_long),
		cmocka_unit_test(a_calm_time_starts_the_waits_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
