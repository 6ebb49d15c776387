// SPDX-License-Identifier: Apache-2.0
/* Answers, counted by path and status code. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "serve/request_counts.h"

static void assert_pair(const struct request_count *pair, const char *path, int code,
			uint64_t count)
{
	assert_string_equal(pair->path, path);
	assert_int_equal(pair->code, code);
	assert_int_equal(pair->count, count);
}

static void pairs_are_counted_and_sorted(void **state)
{
	struct request_counts *counts = request_counts__new();
	const struct request_count *pairs;
	size_t count;

	(void)state;
	request_counts__add(counts, "/b", 200);
	request_counts__add(counts, "/b", 404);
	request_counts__add(counts, "/a", 500);
	request_counts__add(counts, "/b", 200);
	request_counts__add(counts, "/a", 200);
	pairs = request_counts__all(counts, &count);
	assert_int_equal(count, 4);
	assert_pair(&pairs[0], "/a", 200, 1);
	assert_pair(&pairs[1], "/a", 500, 1);
	assert_pair(&pairs[2], "/b", 200, 2);
	assert_pair(&pairs[3], "/b", 404, 1);
	request_counts__free(counts);
}

static void there_may_be_none(void **state)
{
	struct request_counts *counts = request_counts__new();
	size_t count = 1;

	(void)state;
	request_counts__all(counts, &count);
	assert_int_equal(count, 0);
	request_counts__free(counts);
	request_counts__free(NULL);
}

static void there_may_be_many(void **state)
{
	struct request_counts *counts = request_counts__new();
	const struct request_count *pairs;
	size_t count;

	(void)state;
	for (int code = 599; code >= 100; code--)
		request_counts__add(counts, "/", code);
	pairs = request_counts__all(counts, &count);
	assert_int_equal(count, 500);
	for (size_t i = 0; i < count; i++)
		assert_pair(&pairs[i], "/", 100 + i, 1);
	request_counts__free(counts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pairs_are_counted_and_sorted),
		cmocka_unit_test(there_may_be_none),
		cmocka_unit_test(there_may_be_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
