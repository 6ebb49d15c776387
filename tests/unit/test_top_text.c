// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "top/lines.h"
#include "top/text.h"

static void assert_put_by(int (*function)(FILE *, const char *, int), const char *text, int columns,
			  const char *expected, int expected_columns)
{
	char *put = NULL;
	size_t size;
	FILE *out = open_memstream(&put, &size);
	int taken = function(out, text, columns);

	fclose(out);
	assert_string_equal(put, expected);
	assert_int_equal(taken, expected_columns);
	free(put);
}

static void assert_put(const char *text, int columns, const char *expected, int expected_columns)
{
	assert_put_by(text__put, text, columns, expected, expected_columns);
}

static void assert_name(const char *name, int columns, const char *expected, int expected_columns)
{
	assert_put_by(text__put_name, name, columns, expected, expected_columns);
}

static void a_name_keeps_both_ends(void **state)
{
	static const char name[] = "std::vector<Order, std::allocator<Order> >::push_back";

	(void)state;
	assert_name(name, 53, name, 53);
	assert_name(name, TEXT_UNCUT, name, 53);
	assert_name(name, 43, "std::vector<Order, st…r<Order> >::push_back", 43);
	assert_name(name, 20, "std::vecto…push_back", 20);
	assert_name(name, 19, "std::vector<Order,…", 19);
	assert_name("a\x1b函数名字函数名字函数\x1b[2J", 20, "a?函数名字…函数?[2J", 19);
}

static void what_fits_is_left_as_it_is(void **state)
{
	(void)state;
	assert_put("operator new(unsigned long)", 27, "operator new(unsigned long)", 27);
	assert_put("operator new(unsigned long)", TEXT_UNCUT, "operator new(unsigned long)", 27);
	assert_put("", 0, "", 0);
}

static void what_does_not_fit_is_cut_with_an_ellipsis(void **state)
{
	(void)state;
	assert_put("abcdef", 5, "abcd…", 5);
	assert_put("abcdef", 1, "…", 1);
	assert_put("abcdef", 0, "", 0);
	assert_put("abcdef", -3, "", 0);
}

static void a_cut_is_between_characters(void **state)
{
	(void)state;
	assert_put("größe", 5, "größe", 5);
	assert_put("größen", 5, "größ…", 5);
	/* Two columns each: of five, the last is left empty. */
	assert_put("函数名字", 6, "函数…", 5);
	assert_put("函数名字", 8, "函数名字", 8);
}

static void what_a_terminal_would_obey_is_made_harmless(void **state)
{
	(void)state;
	assert_put("a\x1b[2Jb\r\n\x07\x7f", TEXT_UNCUT, "a?[2Jb????", 10);
	/* CSI as one character, to the right-to-left override, a combining accent. */
	assert_put("\xc2\x9b"
		   "2J\u202ex\u0301",
		   TEXT_UNCUT, "?2J?x?", 6);
	/* Not UTF-8: a lone byte, an end in the middle, an overlong escape. */
	assert_put("\xff|\xe5\x87", TEXT_UNCUT, "?|??", 4);
	assert_put("\xc0\x9b", TEXT_UNCUT, "??", 2);
}

static void in_another_encoding_only_ascii_is_text(void **state)
{
	(void)state;
	setlocale(LC_CTYPE, "C");
	assert_put("größe", TEXT_UNCUT, "gr????e", 7);
	assert_put("abcdefgh", 5, "ab...", 5);
	assert_put("abcdefgh", 2, "", 0);
	setlocale(LC_CTYPE, "C.UTF-8");
}

static void assert_value(int64_t value, const char *unit, const char *expected)
{
	char figure[TEXT_FIGURE];

	text__value(figure, value, unit);
	assert_string_equal(figure, expected);
}

static void values_are_in_units_for_people(void **state)
{
	(void)state;
	assert_value(0, "nanoseconds", "0.00s");
	assert_value(1995000000, "nanoseconds", "2.00s");
	assert_value(99999LL * 1000000000, "nanoseconds", "99999.00s");
	assert_value(360000LL * 1000000000, "nanoseconds", "100.0h");
	assert_value(1023, "bytes", "1023B");
	assert_value(1024, "bytes", "1.0KiB");
	assert_value((1 << 20) - 1, "bytes", "1.0MiB");
	assert_value(-3 * (1 << 20), "bytes", "-3.0MiB");
	assert_value(INT64_MAX, "bytes", "8.0EiB");
	assert_value(1234567, "count", "1234567");
}

static void assert_share(int64_t value, int64_t total, const char *expected)
{
	char figure[TEXT_FIGURE];

	text__share(figure, value, total);
	assert_string_equal(figure, expected);
}

static void only_parts_of_a_whole_have_a_share(void **state)
{
	(void)state;
	assert_share(1, 3, "33.3%");
	assert_share(3, 3, "100.0%");
	assert_share(0, 3, "0.0%");
	assert_share(0, 0, "");
	assert_share(-1, 3, "");
	assert_share(4, 3, "");
	assert_share(-1, -3, "");
}

static void assert_age(int64_t seconds, const char *expected)
{
	char figure[TEXT_FIGURE];

	text__age(figure, seconds);
	assert_string_equal(figure, expected);
}

static void ages_are_hours_minutes_seconds(void **state)
{
	(void)state;
	assert_age(0, "0:00:00");
	assert_age(3600 + 62, "1:01:02");
	assert_age(3 * 86400 + 462, "3d 0:07:42");
}

static void assert_row(const struct top_row *row, const struct top_sums *sums, int columns,
		       const char *expected)
{
	char *put = NULL;
	size_t size;
	FILE *out = open_memstream(&put, &size);

	lines__put_row(out, row, sums, columns);
	fclose(out);
	assert_string_equal(put, expected);
	free(put);
}

static void a_row_is_aligned_and_fits_the_screen(void **state)
{
	struct top_row row = {.name = "a_function", .self = 1 << 20, .total = 3 << 20};
	struct top_sums sums = {.total = 4 << 20, .unit = "bytes"};

	(void)state;
	assert_row(&row, &sums, 47, "    1.0MiB  25.0%     3.0MiB  75.0%  a_function");
	assert_row(&row, &sums, 46, "    1.0MiB  25.0%     3.0MiB  75.0%  a_functi…");
	assert_row(&row, &sums, 10, "    1.0MiB  25.0%     3.0MiB  75.0%  ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_keeps_both_ends),
		cmocka_unit_test(what_fits_is_left_as_it_is),
		cmocka_unit_test(what_does_not_fit_is_cut_with_an_ellipsis),
		cmocka_unit_test(a_cut_is_between_characters),
		cmocka_unit_test(what_a_terminal_would_obey_is_made_harmless),
		cmocka_unit_test(in_another_encoding_only_ascii_is_text),
		cmocka_unit_test(values_are_in_units_for_people),
		cmocka_unit_test(only_parts_of_a_whole_have_a_share),
		cmocka_unit_test(ages_are_hours_minutes_seconds),
		cmocka_unit_test(a_row_is_aligned_and_fits_the_screen),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
