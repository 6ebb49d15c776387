// SPDX-License-Identifier: Apache-2.0
/* Lists of JIT compilers' functions, as they are written and rewritten. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "symbol/perf_map.h"

struct fixture {
	struct perf_map *map;
	int fd;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture->map = perf_map__new();
	fixture->fd = memfd_create("perf_map", MFD_CLOEXEC);
	*state = fixture;
	return !fixture->map || fixture->fd < 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	perf_map__free(fixture->map);
	close(fixture->fd);
	free(fixture);
	return 0;
}

/* Appends it to the file, and reads on. */
static void add(struct fixture *fixture, const char *text)
{
	assert_int_equal(write(fixture->fd, text, strlen(text)), strlen(text));
	assert_int_equal(perf_map__read(fixture->map, fixture->fd), 0);
}

static void assert_name(const struct fixture *fixture, uint64_t address, const char *expected)
{
	uint64_t start;
	const char *name = perf_map__find(fixture->map, address, &start);

	if (!expected) {
		assert_null(name);
		return;
	}
	assert_non_null(name);
	assert_string_equal(name, expected);
}

static void a_name_goes_on_to_the_end_of_its_line(void **state)
{
	struct fixture *fixture = *state;
	uint64_t start = 0;

	add(fixture, "7f8fcc0071c0 7a JS:*tiny file:///app/my chain.js:2:14\n"
		     "0x7f8fcc008000 0x10 System.String::Concat(class String)[Tier0]\n");
	assert_name(fixture, 0x7f8fcc0071bf, NULL);
	assert_name(fixture, 0x7f8fcc0071c0, "JS:*tiny file:///app/my chain.js:2:14");
	assert_name(fixture, 0x7f8fcc007239, "JS:*tiny file:///app/my chain.js:2:14");
	assert_name(fixture, 0x7f8fcc00723a, NULL);
	assert_name(fixture, 0x7f8fcc00800f, "System.String::Concat(class String)[Tier0]");
	perf_map__find(fixture->map, 0x7f8fcc007239, &start);
	assert_int_equal(start, 0x7f8fcc0071c0);
}

static void what_comes_later_holds_where_it_is(void **state)
{
	struct fixture *fixture = *state;

	add(fixture, "100 100 a\n"
		     "180 100 b\n"
		     "120 10 c\n");
	assert_name(fixture, 0x11f, "a");
	assert_name(fixture, 0x120, "c");
	assert_name(fixture, 0x12f, "c");
	assert_name(fixture, 0x130, "a");
	assert_name(fixture, 0x180, "b");
	assert_name(fixture, 0x27f, "b");
	assert_name(fixture, 0x280, NULL);
	add(fixture, "0 1000 all\n");
	assert_name(fixture, 0x120, "all");
	assert_name(fixture, 0xfff, "all");
}

static void a_growing_file_is_read_on(void **state)
{
	struct fixture *fixture = *state;

	add(fixture, "100 10 a\n200 10 not yet wh");
	assert_name(fixture, 0x100, "a");
	assert_name(fixture, 0x200, NULL);
	add(fixture, "ole\n");
	assert_name(fixture, 0x100, "a");
	assert_name(fixture, 0x200, "not yet whole");
	add(fixture, "100 10 again\n");
	assert_name(fixture, 0x100, "again");
}

static void a_file_that_became_shorter_is_another(void **state)
{
	struct fixture *fixture = *state;

	add(fixture, "100 10 a\n200 10 b\n");
	assert_int_equal(ftruncate(fixture->fd, 0), 0);
	lseek(fixture->fd, 0, SEEK_SET);
	add(fixture, "200 10 new\n");
	assert_name(fixture, 0x100, NULL);
	assert_name(fixture, 0x200, "new");
}

static void write_over(struct fixture *fixture, const char *text)
{
	lseek(fixture->fd, 0, SEEK_SET);
	add(fixture, text);
}

static void a_file_that_was_written_over_is_another(void **state)
{
	struct fixture *fixture = *state;

	add(fixture, "100 10 a\n200 10 b\n");
	write_over(fixture, "300 10 c\n400 10 d\n");
	assert_name(fixture, 0x100, NULL);
	assert_name(fixture, 0x400, "d");
	write_over(fixture, "500 10 e\n600 10 f\n700 10 longer than before\n");
	assert_name(fixture, 0x400, NULL);
	assert_name(fixture, 0x500, "e");
	assert_name(fixture, 0x700, "longer than before");
}

/* Behind more than is compared, in several reads. */
static void a_long_file_that_was_written_over_is_another(void **state)
{
	struct fixture *fixture = *state;
	char text[20 * 1000 + 1];

	for (int i = 0; i < 1000; i++)
		sprintf(text + 20 * i, "%08x 10 before%d\n", i * 16, i % 10);
	text[7000] = '\0';
	add(fixture, text);
	text[7000] = '0';
	add(fixture, text + 7000);
	assert_name(fixture, 999 * 16, "before9");
	assert_name(fixture, 0, "before0");
	for (int i = 0; i < 1000; i++)
		memcpy(text + 20 * i + 12, "after!", 6);
	write_over(fixture, text);
	assert_name(fixture, 0, "after!0");
}

static void lines_that_are_none_are_passed_over(void **state)
{
	struct fixture *fixture = *state;

	add(fixture, "\nhello world\n100\n100 10\n100 10 \n100 0 none\n100  10 gap\n-1 10 minus\n"
		     "12345678901234567 10 long\nffffffffffffff00 200 around\n300 10 good\n");
	assert_name(fixture, 0x100, NULL);
	assert_name(fixture, 0xffffffffffffff00, NULL);
	assert_name(fixture, 0, NULL);
	assert_name(fixture, 0x300, "good");
}

static void a_very_long_name_is_cut(void **state)
{
	struct fixture *fixture = *state;
	char *text = malloc(300001);
	uint64_t start;

	memset(text, 'x', 300000);
	memcpy(text, "100 10 ", 7);
	strcpy(text + 300000 - 1, "\n");
	add(fixture, text);
	add(fixture, "200 10 next\n");
	assert_int_equal(strlen(perf_map__find(fixture->map, 0x100, &start)), 4095 - 7);
	assert_name(fixture, 0x200, "next");
	free(text);
}

static void many_that_overlap_take_no_time(void **state)
{
	struct fixture *fixture = *state;
	FILE *out = fdopen(dup(fixture->fd), "w");

	for (int i = 0; i < 200000; i++)
		fprintf(out, "%x %x n%d\n", i, 1000000 - i, i);
	fclose(out);
	assert_int_equal(perf_map__read(fixture->map, fixture->fd), 0);
	assert_name(fixture, 0, "n0");
	assert_name(fixture, 199999, "n199999");
	assert_name(fixture, 999999, "n199999");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_name_goes_on_to_the_end_of_its_line),
		TEST(what_comes_later_holds_where_it_is),
		TEST(a_growing_file_is_read_on),
		TEST(a_file_that_became_shorter_is_another),
		TEST(a_file_that_was_written_over_is_another),
		TEST(a_long_file_that_was_written_over_is_another),
		TEST(lines_that_are_none_are_passed_over),
		TEST(a_very_long_name_is_cut),
		TEST(many_that_overlap_take_no_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
