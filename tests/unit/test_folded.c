/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "built.h"

#define DEPTH_MAX 16

static struct profile_builder *new_builder(void)
{
	struct profile_builder *builder = profile_builder__new();

	assert_non_null(builder);
	profile_builder__type(builder, "alloc_space", "bytes", false);
	profile_builder__type(builder, "inuse_space", "bytes", true);
	return builder;
}

static struct profile_line make_line(struct profile_builder *builder, const char *name)
{
	struct profile_function function = {.name = profile_builder__string(builder, name)};

	return (struct profile_line){.function = profile_builder__function(builder, &function)};
}

/* Adds a sample; `frames` are names, root first, up to a NULL. */
static void add(struct profile_builder *builder, const char *const *frames, int64_t value)
{
	int64_t values[] = {1000000, value};
	uint32_t leaf_first[DEPTH_MAX], depth = 0;

	while (frames[depth]) {
		struct profile_line line = make_line(builder, frames[depth]);

		leaf_first[DEPTH_MAX - ++depth] = profile_builder__location(
			builder, PROFILE_NO_MAPPING, 0x1000 + line.function, FRAME_APP, &line, 1);
	}
	profile_builder__sample(builder, leaf_first + DEPTH_MAX - depth, depth, values, NULL, 0);
}

#define ADD(builder, value, ...) \
	add(builder, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL}, value)

static void assert_folds_to(struct profile_builder *builder, const char *expected)
{
	char *text = built_text(builder, export_folded);

	assert_string_equal(text, expected);
	free(text);
}

static void a_line_is_root_first_with_the_shown_value(void **state)
{
	struct profile_builder *builder = new_builder();

	(void)state;
	ADD(builder, 42, "main", "work", "malloc");
	assert_folds_to(builder, "main;work;malloc 42\n");
}

static void equal_stacks_become_one_line(void **state)
{
	struct profile_builder *builder = new_builder();

	(void)state;
	ADD(builder, 40, "main", "work");
	ADD(builder, 5, "main");
	ADD(builder, 2, "main", "work");
	assert_folds_to(builder, "main 5\nmain;work 42\n");
}

static void stacks_equal_in_names_become_one_line(void **state)
{
	struct profile_builder *builder = new_builder();
	struct profile_line line = make_line(builder, "work");
	uint32_t here =
		profile_builder__location(builder, PROFILE_NO_MAPPING, 0x10, FRAME_APP, &line, 1);
	uint32_t there =
		profile_builder__location(builder, PROFILE_NO_MAPPING, 0x20, FRAME_APP, &line, 1);
	int64_t values[] = {0, 21};

	(void)state;
	profile_builder__sample(builder, &here, 1, values, NULL, 0);
	profile_builder__sample(
		builder, &there, 1, values,
		&(struct profile_label){.key = profile_builder__string(builder, "bytes"),
					.number = 64,
					.unit = profile_builder__string(builder, "bytes")},
		1);
	assert_folds_to(builder, "work 42\n");
}

static void inlined_functions_are_frames(void **state)
{
	struct profile_builder *builder = new_builder();
	struct profile_line lines[] = {
		make_line(builder, "innermost"),
		make_line(builder, "middle"),
		make_line(builder, "outer"),
	};
	uint32_t location =
		profile_builder__location(builder, PROFILE_NO_MAPPING, 0x10, FRAME_APP, lines, 3);
	int64_t values[] = {0, 7};

	(void)state;
	profile_builder__sample(builder, &location, 1, values, NULL, 0);
	assert_folds_to(builder, "outer;middle;innermost 7\n");
}

static void zero_and_negative_values_are_skipped(void **state)
{
	struct profile_builder *builder = new_builder();

	(void)state;
	ADD(builder, 0, "main", "zero");
	ADD(builder, -5, "main", "freed");
	ADD(builder, 1, "main", "kept");
	assert_folds_to(builder, "main;kept 1\n");
}

static void a_name_cannot_break_a_line(void **state)
{
	struct profile_builder *builder = new_builder();

	(void)state;
	ADD(builder, 1, "a;b", "new\nline\t\x7f", "operator new(unsigned long)");
	assert_folds_to(builder, "a:b;new?line??;operator new(unsigned long) 1\n");
}

static void names_made_equal_for_a_line_are_merged(void **state)
{
	struct profile_builder *builder = new_builder();

	(void)state;
	ADD(builder, 1, "a;b");
	ADD(builder, 2, "a:b");
	assert_folds_to(builder, "a:b 3\n");
}

/* As `LC_ALL=C sort` has it, which looks at the bytes of the lines, not at frames. */
static void lines_are_sorted_bytewise(void **state)
{
	struct profile_builder *builder = new_builder();

	(void)state;
	ADD(builder, 1, "f", "z");
	ADD(builder, 1, "f(int)", "a");
	ADD(builder, 1, "f (x)");
	ADD(builder, 7, "f");
	ADD(builder, 1, "f 7", "a");
	ADD(builder, 1, "f 7");
	ADD(builder, 1, "\xc3\xa9t\xc3\xa9");
	ADD(builder, 1, "fz");
	assert_folds_to(builder, "f (x) 1\nf 7\nf 7 1\nf 7;a 1\nf(int);a 1\nf;z 1\nfz 1\n"
				 "\xc3\xa9t\xc3\xa9 1\n");
}

static void the_order_of_samples_does_not_show(void **state)
{
	struct profile_builder *one = new_builder(), *other = new_builder();
	char *first, *second;

	(void)state;
	ADD(one, 1, "a", "b");
	ADD(one, 2, "a", "c");
	ADD(one, 3, "d");
	ADD(other, 3, "d");
	ADD(other, 2, "a", "c");
	ADD(other, 1, "a", "b");
	first = built_text(one, export_folded);
	second = built_text(other, export_folded);
	assert_string_equal(first, second);
	free(first);
	free(second);
}

static void a_stack_without_a_name_is_unknown(void **state)
{
	struct profile_builder *builder = new_builder();

	(void)state;
	ADD(builder, 1);
	ADD(builder, 2, "main", "");
	assert_folds_to(builder, "[unknown] 1\nmain;[unknown] 2\n");
}

static void sums_do_not_wrap(void **state)
{
	struct profile_builder *builder = new_builder();

	(void)state;
	ADD(builder, INT64_MAX, "main");
	ADD(builder, 5, "main");
	assert_folds_to(builder, "main 9223372036854775807\n");
}

static void an_empty_profile_has_no_lines(void **state)
{
	(void)state;
	assert_folds_to(new_builder(), "");
}

static void a_full_disk_is_an_error(void **state)
{
	struct profile_builder *builder = new_builder();
	const struct profile *profile;
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(full);
	ADD(builder, 1, "main");
	profile = profile_builder__freeze(builder);
	assert_non_null(profile);
	assert_int_equal(export_folded(profile, full), -EIO);
	fclose(full);
	profile__free(profile);
}

/* 2^32 frames and some more, of one location that has many lines. */
static void what_has_too_many_frames_is_refused(void **state)
{
	enum { LINES = 65536, DEPTH = 65537 };
	struct profile_builder *builder = new_builder();
	struct profile_line *lines = calloc(LINES, sizeof(*lines));
	uint32_t *stack = calloc(DEPTH, sizeof(*stack));
	const struct profile *profile;

	(void)state;
	assert_non_null(lines);
	assert_non_null(stack);
	lines[0] = make_line(builder, "many");
	for (size_t i = 1; i < LINES; i++)
		lines[i] = lines[0];
	stack[0] = profile_builder__location(builder, PROFILE_NO_MAPPING, 0x1000, FRAME_APP, lines,
					     LINES);
	for (size_t i = 1; i < DEPTH; i++)
		stack[i] = stack[0];
	profile_builder__sample(builder, stack, DEPTH, (int64_t[]){1, 1}, NULL, 0);
	free(lines);
	free(stack);
	profile = profile_builder__freeze(builder);
	assert_non_null(profile);
	assert_int_equal(export_folded(profile, stdout), -E2BIG);
	profile__free(profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_root_first_with_the_shown_value),
		cmocka_unit_test(equal_stacks_become_one_line),
		cmocka_unit_test(stacks_equal_in_names_become_one_line),
		cmocka_unit_test(inlined_functions_are_frames),
		cmocka_unit_test(zero_and_negative_values_are_skipped),
		cmocka_unit_test(a_name_cannot_break_a_line),
		cmocka_unit_test(names_made_equal_for_a_line_are_merged),
		cmocka_unit_test(lines_are_sorted_bytewise),
		cmocka_unit_test(the_order_of_samples_does_not_show),
		cmocka_unit_test(a_stack_without_a_name_is_unknown),
		cmocka_unit_test(sums_do_not_wrap),
		cmocka_unit_test(an_empty_profile_has_no_lines),
		cmocka_unit_test(a_full_disk_is_an_error),
		cmocka_unit_test(what_has_too_many_frames_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
