// SPDX-License-Identifier: Apache-2.0
/* From profiles to rows: tally and table. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/builder.h"
#include "top/table.h"

#define SECOND    1000000000LL
#define DEPTH_MAX 16

struct fixture {
	struct top_table *table;
	struct profile_builder *builder; /* of the next tally */
	int64_t now_ns;
};

static void begin_profile(struct fixture *fixture)
{
	fixture->builder = profile_builder__new();
	assert_non_null(fixture->builder);
	profile_builder__type(fixture->builder, "samples", "count", false);
	profile_builder__type(fixture->builder, "cpu", "nanoseconds", true);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture->now_ns = 1000 * SECOND;
	fixture->table = top_table__new(fixture->now_ns);
	assert_non_null(fixture->table);
	begin_profile(fixture);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	top_table__free(fixture->table);
	profile_builder__free(fixture->builder);
	free(fixture);
	return 0;
}

static struct profile_line line_of(struct profile_builder *builder, const char *name,
				   const char *file)
{
	struct profile_function function = {
		.name = profile_builder__string(builder, name),
		.file = profile_builder__string(builder, file),
	};

	return (struct profile_line){.function = profile_builder__function(builder, &function)};
}

/* Adds a sample; `frames` are names, leaf first, up to a NULL, each at an address of its own. */
static void add(struct fixture *fixture, int64_t value, const char *const *frames)
{
	int64_t values[] = {1, value};
	uint32_t leaf_first[DEPTH_MAX], depth = 0;

	for (; frames[depth]; depth++) {
		struct profile_line line = line_of(fixture->builder, frames[depth], "");

		leaf_first[depth] = profile_builder__location(fixture->builder, PROFILE_NO_MAPPING,
							      0x1000 + depth, FRAME_APP, &line, 1);
	}
	profile_builder__sample(fixture->builder, leaf_first, depth, values, NULL, 0);
}

#define ADD(fixture, value, ...) add(fixture, value, (const char *const[]){__VA_ARGS__, NULL})

/* The profile so far as a tally, the caller's; the next one begins. */
static struct tally *tally(struct fixture *fixture)
{
	const struct profile *profile;
	char *bytes = NULL;
	size_t size;
	FILE *out = open_memstream(&bytes, &size);

	fixture->now_ns += SECOND;
	profile_builder__times(fixture->builder, fixture->now_ns, SECOND);
	profile = profile_builder__freeze(fixture->builder);
	begin_profile(fixture);
	assert_non_null(profile);
	assert_int_equal(tally_format.write(profile, out), 0);
	fclose(out);
	profile__free(profile);
	return (struct tally *)bytes;
}

static void take_interval(struct fixture *fixture)
{
	struct tally *next = tally(fixture);

	assert_int_equal(top_table__add(fixture->table, next), 0);
	free(next);
}

static void take_all(struct fixture *fixture)
{
	struct tally *next = tally(fixture);

	assert_int_equal(top_table__replace(fixture->table, next), 0);
	free(next);
}

/* "name self total" of each row, in their order, between "; ". */
static void assert_rows(const struct fixture *fixture, enum top_scope scope, enum top_order order,
			const char *filter, const char *expected)
{
	char actual[512] = "";
	size_t count;
	struct top_row *rows = top_table__rows(fixture->table, scope, order, filter, &count);

	assert_non_null(rows);
	for (size_t i = 0; i < count; i++)
		snprintf(actual + strlen(actual), sizeof(actual) - strlen(actual), "%s%s %d %d",
			 i ? "; " : "", rows[i].name, (int)rows[i].self, (int)rows[i].total);
	free(rows);
	assert_string_equal(actual, expected);
}

static void assert_last(const struct fixture *fixture, const char *expected)
{
	assert_rows(fixture, TOP_LAST, TOP_BY_SELF, "", expected);
}

static void assert_since(const struct fixture *fixture, const char *expected)
{
	assert_rows(fixture, TOP_SINCE, TOP_BY_SELF, "", expected);
}

static void self_is_the_leafs_and_total_is_everybodys(void **state)
{
	struct fixture *fixture = *state;

	ADD(fixture, 5, "leaf", "work", "main");
	ADD(fixture, 3, "work", "main");
	take_interval(fixture);
	assert_last(fixture, "leaf 5 5; work 3 8; main 0 8");
}

static void recursion_counts_once_a_sample(void **state)
{
	struct fixture *fixture = *state;

	ADD(fixture, 5, "f", "g", "f", "f", "main");
	ADD(fixture, 2, "f", "f");
	take_interval(fixture);
	assert_last(fixture, "f 7 7; g 0 5; main 0 5");
}

static void an_inlined_function_is_one_of_its_own(void **state)
{
	struct fixture *fixture = *state;
	struct profile_line lines[] = {
		line_of(fixture->builder, "inlined", ""),
		line_of(fixture->builder, "outer", ""),
	};
	uint32_t location = profile_builder__location(fixture->builder, PROFILE_NO_MAPPING, 0x10,
						      FRAME_APP, lines, 2);
	int64_t values[] = {1, 4};

	profile_builder__sample(fixture->builder, &location, 1, values, NULL, 0);
	take_interval(fixture);
	assert_last(fixture, "inlined 4 4; outer 0 4");
}

static void functions_of_one_name_are_one(void **state)
{
	struct fixture *fixture = *state;
	struct profile_line lines[] = {
		line_of(fixture->builder, "init", "a.c"),
		line_of(fixture->builder, "init", "b.c"),
	};
	uint32_t locations[2];
	int64_t values[] = {1, 4};

	for (int i = 0; i < 2; i++)
		locations[i] = profile_builder__location(fixture->builder, PROFILE_NO_MAPPING,
							 0x10 + i, FRAME_APP, &lines[i], 1);
	profile_builder__sample(fixture->builder, &locations[0], 1, values, NULL, 0);
	profile_builder__sample(fixture->builder, &locations[1], 1, values, NULL, 0);
	take_interval(fixture);
	assert_last(fixture, "init 8 8");
}

static void kinds_are_kept_and_empty_names_are_unknown(void **state)
{
	struct fixture *fixture = *state;
	uint32_t note = profile_builder__note(fixture->builder, "[lost]");
	struct top_row *rows;
	int64_t values[] = {1, 4};
	size_t count;

	profile_builder__sample(fixture->builder, &note, 1, values, NULL, 0);
	ADD(fixture, 3, "");
	take_interval(fixture);
	assert_last(fixture, "[lost] 4 4; [unknown] 3 3");
	rows = top_table__rows(fixture->table, TOP_LAST, TOP_BY_SELF, "", &count);
	assert_int_equal(rows[0].kind, FRAME_NOTE);
	assert_int_equal(rows[1].kind, FRAME_APP);
	free(rows);
}

static void intervals_add_up(void **state)
{
	struct fixture *fixture = *state;

	ADD(fixture, 5, "a", "main");
	take_interval(fixture);
	ADD(fixture, 2, "b", "main");
	take_interval(fixture);
	assert_last(fixture, "b 2 2; main 0 2");
	assert_since(fixture, "a 5 5; b 2 2; main 0 7");
}

static void of_cumulative_tallies_the_interval_is_the_difference(void **state)
{
	struct fixture *fixture = *state;

	ADD(fixture, 5, "a", "main");
	ADD(fixture, 3, "freed", "main");
	take_all(fixture);
	assert_last(fixture, "a 5 5; freed 3 3; main 0 8");
	ADD(fixture, 9, "a", "main");
	take_all(fixture);
	assert_since(fixture, "a 9 9; main 0 9");
	assert_last(fixture, "a 4 4; main 0 1; freed -3 -3");
}

static void a_reset_counts_from_there_on(void **state)
{
	struct fixture *fixture = *state;
	struct top_sums sums;

	ADD(fixture, 5, "a", "main");
	take_interval(fixture);
	top_table__reset(fixture->table);
	assert_since(fixture, "");
	ADD(fixture, 2, "a", "main");
	take_interval(fixture);
	ADD(fixture, 1, "a");
	take_interval(fixture);
	assert_since(fixture, "a 3 3; main 0 2");
	top_table__sums(fixture->table, TOP_SINCE, &sums);
	assert_int_equal(sums.total, 3);
	assert_int_equal(sums.to_ns - sums.from_ns, 2 * SECOND);
}

static void rows_are_sorted_by_either_value_then_by_name(void **state)
{
	struct fixture *fixture = *state;

	ADD(fixture, 1, "x", "root");
	ADD(fixture, 1, "b", "root");
	ADD(fixture, 4, "deep");
	take_interval(fixture);
	assert_rows(fixture, TOP_LAST, TOP_BY_SELF, "", "deep 4 4; b 1 1; x 1 1; root 0 2");
	assert_rows(fixture, TOP_LAST, TOP_BY_TOTAL, "", "deep 4 4; root 0 2; b 1 1; x 1 1");
}

static void a_filter_is_a_part_of_the_name_in_any_case(void **state)
{
	struct fixture *fixture = *state;

	ADD(fixture, 1, "Parser::read", "main");
	take_interval(fixture);
	assert_rows(fixture, TOP_LAST, TOP_BY_SELF, "parser", "Parser::read 1 1");
	assert_rows(fixture, TOP_LAST, TOP_BY_SELF, "nothing", "");
}

static void sums_are_of_samples_not_of_functions(void **state)
{
	struct fixture *fixture = *state;
	struct profile_outcome outcome = {.whole = 90, .truncated = 7, .lost_stacks = 3, .lost = 2};
	struct top_sums sums;

	ADD(fixture, 5, "a", "main");
	profile_builder__outcome(fixture->builder, &outcome);
	take_interval(fixture);
	ADD(fixture, 2, "a", "main");
	profile_builder__outcome(fixture->builder, &outcome);
	take_interval(fixture);
	top_table__sums(fixture->table, TOP_LAST, &sums);
	assert_int_equal(sums.total, 2);
	assert_int_equal(sums.outcome.whole, 90);
	assert_string_equal(sums.unit, "nanoseconds");
	top_table__sums(fixture->table, TOP_SINCE, &sums);
	assert_int_equal(sums.total, 7);
	assert_int_equal(sums.outcome.truncated, 14);
	assert_int_equal(sums.outcome.lost_stacks, 6);
	assert_int_equal(sums.outcome.lost, 4);
}

static void spans_are_those_of_the_tallies(void **state)
{
	struct fixture *fixture = *state;
	struct top_sums sums;

	/* The first interval of what takes time begins when it does, not with the table. */
	fixture->now_ns += 7 * SECOND;
	take_interval(fixture);
	fixture->now_ns += 2 * SECOND;
	take_interval(fixture);
	top_table__sums(fixture->table, TOP_LAST, &sums);
	assert_int_equal(sums.to_ns, 1011 * SECOND);
	assert_int_equal(sums.from_ns, 1008 * SECOND);
	top_table__sums(fixture->table, TOP_SINCE, &sums);
	assert_int_equal(sums.from_ns, 1007 * SECOND);
}

static void names_without_end_become_others(void **state)
{
	struct fixture *fixture = *state;
	size_t length = 1 << 20;
	char *name = malloc(length + 1);
	struct top_row *rows;
	size_t count;

	memset(name, 'x', length);
	name[length] = '\0';
	for (int i = 0; i < 70; i++) {
		memcpy(name, &(char[]){'a' + i % 26, 'a' + i / 26}, 2);
		ADD(fixture, 1, name, "main");
	}
	ADD(fixture, 1, "y", name);
	free(name);
	take_interval(fixture);
	rows = top_table__rows(fixture->table, TOP_LAST, TOP_BY_SELF, "[other", &count);
	assert_int_equal(count, 1);
	assert_string_equal(rows[0].name, "[other functions]");
	/* 64 MiB of them have a row, less what "main" takes. */
	assert_in_range(rows[0].self, 6, 7);
	assert_int_equal(rows[0].total, rows[0].self);
	assert_int_equal(rows[0].kind, FRAME_NOTE);
	free(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(self_is_the_leafs_and_total_is_everybodys),
		TEST(recursion_counts_once_a_sample),
		TEST(an_inlined_function_is_one_of_its_own),
		TEST(functions_of_one_name_are_one),
		TEST(kinds_are_kept_and_empty_names_are_unknown),
		TEST(intervals_add_up),
		TEST(of_cumulative_tallies_the_interval_is_the_difference),
		TEST(a_reset_counts_from_there_on),
		TEST(rows_are_sorted_by_either_value_then_by_name),
		TEST(a_filter_is_a_part_of_the_name_in_any_case),
		TEST(sums_are_of_samples_not_of_functions),
		TEST(spans_are_those_of_the_tallies),
		TEST(names_without_end_become_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
