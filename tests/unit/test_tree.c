/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "built.h"
#include "profile/diff.h"

static struct profile_builder *new_builder(void)
{
	struct profile_builder *builder = profile_builder__new();

	assert_non_null(builder);
	profile_builder__type(builder, "samples", "count", false);
	profile_builder__type(builder, "cpu", "nanoseconds", true);
	return builder;
}

static uint32_t add_mapping(struct profile_builder *builder, const char *file, uint64_t start)
{
	return profile_builder__mapping(builder,
					&(struct profile_mapping){
						.start = start,
						.limit = start + 0x1000,
						.file = profile_builder__string(builder, file),
					});
}

/* A frame of a module, at an address of its own. */
static uint32_t add_code(struct profile_builder *builder, uint32_t mapping, uint64_t address,
			 const char *name, enum frame_kind kind)
{
	struct profile_line line = {.function = built_function(builder, name, "")};

	return profile_builder__location(builder, mapping, address, kind, &line, 1);
}

static uint32_t add_frame(struct profile_builder *builder, const char *name)
{
	return built_frame(builder, 0x1000 + strlen(name), name, "", 0);
}

static void add(struct profile_builder *builder, const uint32_t *leaf_first, uint32_t depth,
		int64_t count, int64_t ns)
{
	profile_builder__sample(builder, leaf_first, depth, (int64_t[]){count, ns}, NULL, 0);
}

static void assert_has(struct profile_builder *builder, const char *part)
{
	char *text = built_text(builder, export_tree);

	if (!strstr(text, part))
		fail_msg("%s is not in %s", part, text);
	free(text);
}

/* main calls a, which calls work, and work by itself; a is seen by itself, too. */
static void add_program(struct profile_builder *builder)
{
	uint32_t main_frame = add_frame(builder, "main"), a = add_frame(builder, "a");
	uint32_t work = add_frame(builder, "worker");

	add(builder, (uint32_t[]){work, a, main_frame}, 3, 3, 30);
	add(builder, (uint32_t[]){work, main_frame}, 2, 1, 11);
	add(builder, (uint32_t[]){a, main_frame}, 2, 2, 20);
	add(builder, (uint32_t[]){work, a, main_frame}, 3, 4, 40);
}

static void a_tree_is_told_in_columns(void **state)
{
	struct profile_builder *builder = new_builder();
	char *text;

	(void)state;
	profile_builder__title(builder, "demo (pid 42)");
	profile_builder__kind(builder, "profile");
	profile_builder__times(builder, 5000000000, 1500000000);
	profile_builder__period(builder, "cpu", "nanoseconds", 10101010);
	profile_builder__comment(builder, "a remark");
	profile_builder__outcome(builder, &(struct profile_outcome){9, 2, 1, 4});
	add_program(builder);
	text = built_text(builder, export_tree);
	assert_string_equal(
		text,
		"{\"version\":1,\"title\":\"demo (pid 42)\",\"kind\":\"profile\","
		"\"time_ms\":5000,\"duration_ms\":1500,\"period\":10101010,"
		"\"period_type\":{\"type\":\"cpu\",\"unit\":\"nanoseconds\"},"
		"\"types\":[{\"type\":\"samples\",\"unit\":\"count\"},"
		"{\"type\":\"cpu\",\"unit\":\"nanoseconds\"}],\"shown\":1,\"below_zero\":[0,0],"
		"\"comments\":[\"a remark\"],"
		"\"outcome\":{\"whole\":9,\"truncated\":2,\"lost_stacks\":1,\"lost\":4},"
		"\"diff\":false,"
		"\"frames\":{\"name\":[1,2,3,4],\"module\":[0,0,0,0],\"file\":[0,0,0,0],"
		"\"line\":[0,0,0,0],\"kind\":[4,0,0,0]},"
		"\"strings\":[\"\",\"[unknown]\",\"a\",\"main\",\"worker\"],"
		"\"nodes\":{\"depth\":[0,1,2,3,2],\"frame\":[-1,2,1,3,3],"
		"\"self\":[[0,0,2,7,1],[0,0,20,70,11]]}}\n");
	free(text);
}

static void no_samples_are_a_root_alone(void **state)
{
	(void)state;
	assert_has(new_builder(), "\"nodes\":{\"depth\":[0],\"frame\":[-1],\"self\":[[0],[0]]}}\n");
}

static char *text_of_three(const int *order)
{
	static const char *const names[] = {"a", "ab", "abc"};
	struct profile_builder *builder = new_builder();

	for (int i = 0; i < 3; i++)
		assert_int_equal(add_frame(builder, names[i]), i);
	for (int i = 0; i < 3; i++)
		add(builder, (uint32_t[]){order[i], 0}, 2, order[i] + 1, 1);
	return built_text(builder, export_tree);
}

static void the_order_of_samples_does_not_matter(void **state)
{
	char *forth = text_of_three((int[]){0, 1, 2}), *back = text_of_three((int[]){2, 1, 0});

	(void)state;
	assert_string_equal(forth, back);
	free(forth);
	free(back);
}

static void a_frame_is_a_function_of_a_module(void **state)
{
	struct profile_builder *builder = new_builder();
	uint32_t program = add_mapping(builder, "/bin/demo", 0x1000);
	uint32_t library = add_mapping(builder, "/lib/libc.so.6", 0x9000);
	uint32_t stack[] = {
		add_code(builder, library, 0x9100, "init", FRAME_LIBRARY),
		add_code(builder, program, 0x1200, "init", FRAME_APP), /* two calls in it */
	};
	uint32_t again[] = {
		stack[0],
		add_code(builder, program, 0x1300, "init", FRAME_APP),
	};

	(void)state;
	add(builder, stack, 2, 1, 10);
	add(builder, again, 2, 2, 20);
	assert_has(builder,
		   "\"frames\":{\"name\":[1,2,2],\"module\":[0,3,4],\"file\":[0,0,0],"
		   "\"line\":[0,0,0],\"kind\":[4,0,1]},"
		   "\"strings\":[\"\",\"[unknown]\",\"init\",\"/bin/demo\",\"/lib/libc.so.6\"],"
		   "\"nodes\":{\"depth\":[0,1,2],\"frame\":[-1,1,2],"
		   "\"self\":[[0,0,3],[0,0,30]]}");
}

static void a_frame_has_its_file_and_where_it_begins(void **state)
{
	struct profile_builder *builder = new_builder();
	struct profile_line lines[] = {
		{.function = built_function(builder, "work", "")},
		{.function = profile_builder__function(
			 builder,
			 &(struct profile_function){
				 .name = profile_builder__string(builder, "work"),
				 .file = profile_builder__string(builder, "/src/work.c"),
				 .start_line = 12,
			 })},
	};

	(void)state;
	/* The first of them knows nothing. */
	for (int i = 0; i < 2; i++)
		profile_builder__location(builder, PROFILE_NO_MAPPING, 0x10 + i, FRAME_APP,
					  &lines[i], 1);
	assert_has(builder, "\"file\":[0,3],\"line\":[0,12],\"kind\":[4,0]},"
			    "\"strings\":[\"\",\"[unknown]\",\"work\",\"/src/work.c\"]");
}

static void inlined_functions_are_frames(void **state)
{
	struct profile_builder *builder = new_builder();
	struct profile_line lines[] = {
		{.function = built_function(builder, "c_innermost", "")},
		{.function = built_function(builder, "b_middle", "")},
		{.function = built_function(builder, "a_outer", "")},
	};
	uint32_t location =
		profile_builder__location(builder, PROFILE_NO_MAPPING, 0x10, FRAME_APP, lines, 3);

	(void)state;
	add(builder, &location, 1, 1, 1);
	assert_has(builder, "\"nodes\":{\"depth\":[0,1,2,3],\"frame\":[-1,1,2,3],");
}

static void what_has_no_name_is_unknown(void **state)
{
	struct profile_builder *builder = new_builder();
	uint32_t mapping = add_mapping(builder, "/lib/a.so", 0x1000);
	uint32_t nameless =
		profile_builder__location(builder, mapping, 0x1010, FRAME_LIBRARY, NULL, 0);

	(void)state;
	add(builder, &nameless, 1, 1, 1);
	add(builder, NULL, 0, 2, 2);
	assert_has(builder, "\"frames\":{\"name\":[1,1],\"module\":[0,2],\"file\":[0,0],"
			    "\"line\":[0,0],\"kind\":[4,1]},"
			    "\"strings\":[\"\",\"[unknown]\",\"/lib/a.so\"],"
			    "\"nodes\":{\"depth\":[0,1,1],\"frame\":[-1,0,1],"
			    "\"self\":[[0,2,1],[0,2,1]]}");
}

static void what_is_below_zero_has_no_width_but_is_told(void **state)
{
	struct profile_builder *builder = new_builder();
	uint32_t frame = add_frame(builder, "main"), gone = add_frame(builder, "gone");

	(void)state;
	add(builder, &frame, 1, -5, 7);
	add(builder, &gone, 1, -1, 0);
	assert_has(builder, "\"below_zero\":[-6,0]");
	builder = new_builder();
	frame = add_frame(builder, "main");
	gone = add_frame(builder, "gone");
	add(builder, &frame, 1, -5, 7);
	add(builder, &gone, 1, -1, 0);
	assert_has(builder, "\"nodes\":{\"depth\":[0,1],\"frame\":[-1,2],\"self\":[[0,0],[0,7]]}");
}

static const struct profile *freeze_one(const char *name, int64_t count, int64_t ns)
{
	struct profile_builder *builder = new_builder();
	uint32_t stack[] = {add_frame(builder, name), add_frame(builder, "main")};
	const struct profile *profile;

	add(builder, stack, 2, count, ns);
	profile = profile_builder__freeze(builder);
	assert_non_null(profile);
	return profile;
}

static void a_diff_has_the_earlier_values_beside_the_later(void **state)
{
	const struct profile *before = freeze_one("a", 3, 30), *after = freeze_one("bb", 5, 50);
	struct diff_options options = {.title = "a → b", .widths = DIFF_AFTER};
	const struct profile *diff = profile__diff(before, after, &options);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_non_null(diff);
	assert_int_equal(export_tree(diff, out), 0);
	fclose(out);
	assert_non_null(strstr(text, "\"diff\":true"));
	assert_non_null(strstr(text, "\"below_zero\":[0,0]"));
	assert_non_null(strstr(text, "\"nodes\":{\"depth\":[0,1,2,2],\"frame\":[-1,3,1,2],"
				     "\"self\":[[0,0,0,5],[0,0,0,50]],"
				     "\"base\":[[0,0,3,0],[0,0,30,0]]}}"));
	free(text);
	profile__free(before);
	profile__free(after);
	profile__free(diff);
}

static void sums_do_not_wrap(void **state)
{
	struct profile_builder *builder = new_builder();
	uint32_t frame = add_frame(builder, "main");

	(void)state;
	add(builder, &frame, 1, INT64_MAX, 1);
	add(builder, &frame, 1, 5, 1);
	assert_has(builder, "\"self\":[[0,9223372036854775807],[0,2]]");
}

/* Recursion: as deep as a stack of any tool's file. */
static void deep_stacks_are_trees_too(void **state)
{
	struct profile_builder *builder = new_builder();
	uint32_t frame = add_frame(builder, "main"), depth = 100000;
	uint32_t *stack = calloc(depth, sizeof(*stack));

	(void)state;
	assert_non_null(stack);
	for (uint32_t i = 0; i < depth; i++)
		stack[i] = frame;
	add(builder, stack, depth, 1, 1);
	free(stack);
	assert_has(builder, ",99999,100000],\"frame\":[-1,1,1");
}

static void a_full_disk_is_an_error(void **state)
{
	const struct profile *profile = profile_builder__freeze(new_builder());
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(full);
	assert_int_equal(export_tree(profile, full), -EIO);
	fclose(full);
	profile__free(profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tree_is_told_in_columns),
		cmocka_unit_test(no_samples_are_a_root_alone),
		cmocka_unit_test(the_order_of_samples_does_not_matter),
		cmocka_unit_test(a_frame_is_a_function_of_a_module),
		cmocka_unit_test(a_frame_has_its_file_and_where_it_begins),
		cmocka_unit_test(inlined_functions_are_frames),
		cmocka_unit_test(what_has_no_name_is_unknown),
		cmocka_unit_test(what_is_below_zero_has_no_width_but_is_told),
		cmocka_unit_test(a_diff_has_the_earlier_values_beside_the_later),
		cmocka_unit_test(sums_do_not_wrap),
		cmocka_unit_test(deep_stacks_are_trees_too),
		cmocka_unit_test(a_full_disk_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
