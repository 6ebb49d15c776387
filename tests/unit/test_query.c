// SPDX-License-Identifier: Apache-2.0
/* Parameters of a URL's query. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "serve/query.h"

/* The query is no string: it ends where its length says, and a sanitizer watches the byte behind.
 */
static bool get(const char *query, const char *name, char *value, size_t size)
{
	size_t length = strlen(query);
	char *copy = malloc(length ? length : 1);
	bool found;

	memcpy(copy, query, length);
	found = query__get(copy, length, name, value, size);
	free(copy);
	return found;
}

static void assert_value(const char *query, const char *name, const char *expected)
{
	char value[64] = "untouched";

	if (!get(query, name, value, sizeof(value)))
		fail_msg("no %s in %s", name, query);
	assert_string_equal(value, expected);
}

static void assert_none(const char *query, const char *name)
{
	char value[64];

	if (get(query, name, value, sizeof(value)))
		fail_msg("%s found in %s", name, query);
}

static void a_parameter_is_found_wherever_it_is(void **state)
{
	(void)state;
	assert_value("seconds=5", "seconds", "5");
	assert_value("seconds=5&debug=1", "seconds", "5");
	assert_value("debug=1&seconds=5", "seconds", "5");
	assert_value("a=1&seconds=5&b=2", "seconds", "5");
	assert_value("&&seconds=5&", "seconds", "5");
}

static void the_first_of_several_wins(void **state)
{
	(void)state;
	assert_value("seconds=1&seconds=2", "seconds", "1");
	assert_value("seconds&seconds=2", "seconds", "");
}

static void what_is_missing_is_not_found(void **state)
{
	(void)state;
	assert_none("", "seconds");
	assert_none("&", "seconds");
	assert_none("debug=1", "seconds");
	assert_none("debug=seconds", "seconds");
	assert_none("debug=seconds=1", "seconds");
}

static void a_value_may_be_empty(void **state)
{
	(void)state;
	assert_value("seconds=", "seconds", "");
	assert_value("seconds=&debug=1", "seconds", "");
	assert_value("seconds", "seconds", "");
	assert_value("seconds&debug=1", "seconds", "");
	assert_value("debug=1&seconds", "seconds", "");
}

static void a_name_is_not_taken_for_a_longer_or_shorter_one(void **state)
{
	(void)state;
	assert_none("secondsx=1", "seconds");
	assert_none("second=1", "seconds");
	assert_none("xseconds=1", "seconds");
	assert_none("Seconds=1", "seconds");
	assert_value("secondsx=1&second=2&seconds=3", "seconds", "3");
}

static void a_value_may_hold_an_equals_sign(void **state)
{
	(void)state;
	assert_value("a=b=c", "a", "b=c");
	assert_value("a==", "a", "=");
}

static void a_value_is_decoded(void **state)
{
	(void)state;
	assert_value("a=b+c", "a", "b c");
	assert_value("a=b%20c", "a", "b c");
	assert_value("a=%41%6d%6D", "a", "Amm");
	assert_value("a=%26%3D%25", "a", "&=%");
	assert_value("a=%2B", "a", "+");
	assert_value("a=%2541", "a", "%41");
	assert_value("a=%ff", "a", "\xff");
}

static void an_escape_that_is_none_stands_for_itself(void **state)
{
	(void)state;
	assert_value("a=%", "a", "%");
	assert_value("a=%4", "a", "%4");
	assert_value("a=%4&b=1", "a", "%4");
	assert_value("a=%&41=1", "a", "%");
	assert_value("a=%zz", "a", "%zz");
	assert_value("a=%4z", "a", "%4z");
	assert_value("a=%%41", "a", "%A");
}

static void a_value_is_cut_to_fit(void **state)
{
	char value[5] = "----";

	(void)state;
	assert_true(get("a=123456789", "a", value, 5));
	assert_string_equal(value, "1234");
	assert_true(get("a=%31%32%33%34%35", "a", value, 5));
	assert_string_equal(value, "1234");
	assert_true(get("a=123", "a", value, 1));
	assert_string_equal(value, "");
}

static void the_query_ends_where_its_length_says(void **state)
{
	char value[8];

	(void)state;
	assert_true(query__get("a=12345", 4, "a", value, sizeof(value)));
	assert_string_equal(value, "12");
	assert_false(query__get("a=1&b=2", 4, "b", value, sizeof(value)));
	assert_true(query__get("a=%41", 4, "a", value, sizeof(value)));
	assert_string_equal(value, "%4");
}

static void assert_integer(const char *text, long expected)
{
	long value = 4711;

	if (!query__integer(text, &value))
		fail_msg("not taken: %s", text);
	assert_int_equal(value, expected);
}

static void a_decimal_integer_is_taken(void **state)
{
	(void)state;
	assert_integer("0", 0);
	assert_integer("30", 30);
	assert_integer("-1", -1);
	assert_integer("+7", 7);
	assert_integer("-0", 0);
	assert_integer("007", 7);
	assert_integer("010", 10);
	assert_integer("9223372036854775807", LONG_MAX);
	assert_integer("-9223372036854775808", LONG_MIN);
}

static void what_is_no_integer_counts_as_none(void **state)
{
	static const char *const texts[] = {
		"",
		"-",
		"+",
		"x",
		"1x",
		"1 ",
		" 1",
		"1.",
		"1.5",
		"--1",
		"+-1",
		"0x10",
		"1e3",
		"\t1",
		"- 1",
		"1,000",
		"9223372036854775808",
		"-9223372036854775809",
		"99999999999999999999",
	};
	long value;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		if (query__integer(texts[i], &value))
			fail_msg("taken: '%s'", texts[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_parameter_is_found_wherever_it_is),
		cmocka_unit_test(the_first_of_several_wins),
		cmocka_unit_test(what_is_missing_is_not_found),
		cmocka_unit_test(a_value_may_be_empty),
		cmocka_unit_test(a_name_is_not_taken_for_a_longer_or_shorter_one),
		cmocka_unit_test(a_value_may_hold_an_equals_sign),
		cmocka_unit_test(a_value_is_decoded),
		cmocka_unit_test(an_escape_that_is_none_stands_for_itself),
		cmocka_unit_test(a_value_is_cut_to_fit),
		cmocka_unit_test(the_query_ends_where_its_length_says),
		cmocka_unit_test(a_decimal_integer_is_taken),
		cmocka_unit_test(what_is_no_integer_counts_as_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
