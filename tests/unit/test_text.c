// SPDX-License-Identifier: Apache-2.0
/* The text of debug=1: what pprof reads of it, and what people do. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <string.h>

#include "built.h"

static struct profile_builder *new_heap(void)
{
	struct profile_builder *builder = profile_builder__new();

	assert_non_null(builder);
	profile_builder__type(builder, "alloc_objects", "count", false);
	profile_builder__type(builder, "alloc_space", "bytes", false);
	profile_builder__type(builder, "inuse_objects", "count", false);
	profile_builder__type(builder, "inuse_space", "bytes", true);
	profile_builder__period(builder, "space", "bytes", 524288);
	profile_builder__kind(builder, "heap");
	return builder;
}

static struct profile_builder *new_of(const char *kind, const char *type, const char *unit)
{
	struct profile_builder *builder = profile_builder__new();

	assert_non_null(builder);
	profile_builder__type(builder, type, unit, true);
	profile_builder__kind(builder, kind);
	return builder;
}

static struct profile_builder *new_contention(const char *kind)
{
	struct profile_builder *builder = new_of(kind, "contentions", "count");

	profile_builder__type(builder, "delay", "nanoseconds", true);
	return builder;
}

static void add(struct profile_builder *builder, const uint32_t *locations, uint32_t depth,
		const int64_t *values)
{
	profile_builder__sample(builder, locations, depth, values, NULL, 0);
}

static void assert_text(struct profile_builder *builder, const char *expected)
{
	char *text = built_text(builder, export_text);

	assert_string_equal(text, expected);
	free(text);
}

static void assert_has(struct profile_builder *builder, const char *expected)
{
	char *text = built_text(builder, export_text);

	if (!strstr(text, expected))
		fail_msg("no \"%s\" in:\n%s", expected, text);
	free(text);
}

static void a_heap_has_whole_values_the_greatest_first(void **state)
{
	struct profile_builder *builder = new_heap();
	uint32_t stack[] = {
		built_frame(builder, 0x400fff, "work", "work.c", 12),
		built_frame(builder, 0x4010ff, "main", "main.c", 3),
	};

	(void)state;
	profile_builder__offset(builder, stack[0], 0x1f);
	profile_builder__comment(builder, "one comment");
	add(builder, stack, 1, (int64_t[]){3, 300, 1, 100});
	add(builder, stack, 2, (int64_t[]){5, 5000, 4, 4000});
	assert_text(builder, "heap profile: 5: 4100 [8: 5300] @ heapprofile\n"
			     "# mean bytes between samples: 524288; values are of the whole\n"
			     "# one comment\n"
			     "4: 4000 [5: 5000] @ 0x401000 0x401100\n"
			     "#\t0x400fff\twork+0x1f\twork.c:12\n"
			     "#\t0x4010ff\tmain\tmain.c:3\n"
			     "\n"
			     "1: 100 [3: 300] @ 0x401000\n"
			     "#\t0x400fff\twork+0x1f\twork.c:12\n"
			     "\n"
			     "\n"
			     "# runtime.MemStats\n"
			     "# Alloc = 4100\n"
			     "# TotalAlloc = 5300\n"
			     "# Mallocs = 8\n"
			     "# Frees = 3\n"
			     "# HeapAlloc = 4100\n"
			     "# HeapObjects = 5\n");
}

/* Readers take no negative total; and a difference has no state. */
static void a_heap_that_shrank_says_so_in_a_comment(void **state)
{
	struct profile_builder *builder = new_heap();
	uint32_t frame = built_frame(builder, 0xfff, "work", "", 0);

	(void)state;
	profile_builder__times(builder, 5000000000, 1000000000);
	add(builder, &frame, 1, (int64_t[]){0, 0, -2, -64});
	assert_text(builder, "heap profile: 0: 0 [0: 0] @ heapprofile\n"
			     "# in use, all in all: -2: -64\n"
			     "# mean bytes between samples: 524288; values are of the whole\n"
			     "-2: -64 [0: 0] @ 0x1000\n"
			     "#\t0xfff\twork\n"
			     "\n");
}

/* pprof refuses the whole file for a sample of bytes without objects. */
static void bytes_of_an_unknown_number_of_objects_are_a_comment(void **state)
{
	struct profile_builder *builder = new_heap();
	uint32_t note = profile_builder__note(builder, "[allocated before attach]");

	(void)state;
	add(builder, &note, 1, (int64_t[]){0, 4096, 0, 4096});
	profile_builder__times(builder, 5000000000, 1);
	assert_text(builder, "heap profile: 0: 0 [0: 0] @ heapprofile\n"
			     "# mean bytes between samples: 524288; values are of the whole\n"
			     "# not counted above, as the number of objects is not known: "
			     "0: 4096 [0: 4096] @ 0x1\n"
			     "#\t[allocated before attach]\n"
			     "\n");
}

static void objects_of_one_stack_stay_apart_by_their_size(void **state)
{
	struct profile_builder *builder = new_heap();
	uint32_t frame = built_frame(builder, 0xfff, "work", "", 0);
	string_id bytes = profile_builder__string(builder, "bytes");

	(void)state;
	for (int64_t size = 10; size <= 20; size += 10) {
		struct profile_label label = {.key = bytes, .number = size, .unit = bytes};

		profile_builder__sample(builder, &frame, 1, (int64_t[]){1, size, 1, size}, &label,
					1);
	}
	assert_has(builder, "\n1: 20 [1: 20] @ 0x1000\n#\t0xfff\twork\n\n"
			    "1: 10 [1: 10] @ 0x1000\n#\t0xfff\twork\n\n");
}

static void waits_are_delay_and_count(void **state)
{
	struct profile_builder *builder = new_contention("block");
	uint32_t frames[] = {
		built_frame(builder, 0x1fff, "poll", "", 0),
		built_frame(builder, 0x2fff, "main", "m.c", 1),
	};

	(void)state;
	profile_builder__comment(builder, "a=b");
	add(builder, frames, 2, (int64_t[]){3, 1500000000});
	add(builder, frames + 1, 1, (int64_t[]){9, 1500000001});
	assert_text(builder, "--- contention:\n"
			     "cycles/second=1000000000\n"
			     "sampling period=1\n"
			     "# a=b\n"
			     "1500000001 9 @ 0x3000\n"
			     "#\t0x2fff\tmain\tm.c:1\n"
			     "\n"
			     "1500000000 3 @ 0x2000 0x3000\n"
			     "#\t0x1fff\tpoll\n"
			     "#\t0x2fff\tmain\tm.c:1\n"
			     "\n");
}

static void a_mutex_profile_says_that_it_is_one(void **state)
{
	(void)state;
	assert_text(new_contention("mutex"),
		    "--- mutex:\ncycles/second=1000000000\nsampling period=1\n");
}

static void equal_threads_are_counted_with_their_labels(void **state)
{
	struct profile_builder *builder = new_of("goroutine", "goroutine", "count");
	uint32_t frame = built_frame(builder, 0xfff, "work", "w.c", 7);
	struct profile_label labels[] = {
		built_label(builder, "thread", "a \"b\"\\\n"),
		built_label(builder, "state", "sleeping"),
	};
	struct profile_label other = built_label(builder, "thread", "other");

	(void)state;
	profile_builder__sample(builder, &frame, 1, (int64_t[]){1}, labels, 2);
	profile_builder__sample(builder, &frame, 1, (int64_t[]){1}, &other, 1);
	profile_builder__sample(builder, &frame, 1, (int64_t[]){1}, labels, 2);
	assert_text(builder,
		    "goroutine profile: total 3\n"
		    "2 @ 0x1000\n"
		    "# labels: {\"state\":\"sleeping\", \"thread\":\"a \\\"b\\\"\\\\\\x0a\"}\n"
		    "#\t0xfff\twork\tw.c:7\n"
		    "\n"
		    "1 @ 0x1000\n"
		    "# labels: {\"thread\":\"other\"}\n"
		    "#\t0xfff\twork\tw.c:7\n"
		    "\n");
}

/* A note has no address, but pprof wants one of each sample. */
static void a_sample_has_an_address_whatever_happens(void **state)
{
	struct profile_builder *builder = new_of("threadcreate", "threadcreate", "count");
	uint32_t stack[] = {
		built_frame(builder, 0xfff, "work", "", 0),
		profile_builder__note(builder, "[truncated: read fault]"),
	};
	uint32_t lost = profile_builder__note(builder, "[lost]");

	(void)state;
	add(builder, stack, 2, (int64_t[]){1});
	add(builder, &lost, 1, (int64_t[]){2});
	assert_text(builder, "threadcreate profile: total 3\n"
			     "2 @ 0x1\n"
			     "#\t[lost]\n"
			     "\n"
			     "1 @ 0x1000\n"
			     "#\t0xfff\twork\n"
			     "#\t[truncated: read fault]\n"
			     "\n");
}

static void what_go_has_no_text_for_names_its_values(void **state)
{
	struct profile_builder *builder = new_of("profile", "samples", "count");
	uint32_t frame = built_frame(builder, 0xfff, "work", "", 0);

	(void)state;
	profile_builder__type(builder, "cpu", "nanoseconds", true);
	profile_builder__times(builder, 1, 2500000000);
	add(builder, &frame, 1, (int64_t[]){2, 20000000});
	assert_text(builder, "exoprof profile over 2.500 s: samples/count 2, "
			     "cpu/nanoseconds 20000000\n"
			     "2 20000000 @ 0x1000\n"
			     "#\t0xfff\twork\n"
			     "\n");
}

/* Of what is inlined nobody knows where it begins; the function around it has the offset. */
static void inlined_functions_have_a_line_each(void **state)
{
	struct profile_builder *builder = new_of("goroutine", "goroutine", "count");
	struct profile_line lines[] = {
		{.function = built_function(builder, "inner", "i.h"), .line = 5},
		{.function = built_function(builder, "outer", "o.c"), .line = 9},
	};
	uint32_t location =
		profile_builder__location(builder, PROFILE_NO_MAPPING, 0xfff, FRAME_APP, lines, 2);

	(void)state;
	profile_builder__offset(builder, location, 0x10);
	add(builder, &location, 1, (int64_t[]){1});
	assert_has(builder, "#\t0xfff\tinner\ti.h:5\n#\t0xfff\touter+0x10\to.c:9\n");
}

static void without_a_source_the_mapped_file_is_named(void **state)
{
	struct profile_builder *builder = new_of("goroutine", "goroutine", "count");
	struct profile_mapping mapping = {
		.start = 0x1000,
		.limit = 0x2000,
		.file = profile_builder__string(builder, "/lib/libc.so.6"),
	};
	struct profile_line line = {.function = built_function(builder, "poll", "")};
	uint32_t location =
		profile_builder__location(builder, profile_builder__mapping(builder, &mapping),
					  0x1fff, FRAME_LIBRARY, &line, 1);

	(void)state;
	add(builder, &location, 1, (int64_t[]){1});
	assert_has(builder, "#\t0x1fff\tpoll\t/lib/libc.so.6\n");
}

/* Go's bufio.Scanner takes lines of less than 64 KiB, and pprof one with a '#' in front for none.
 */
static void no_name_breaks_a_line_or_makes_it_too_long(void **state)
{
	struct profile_builder *builder = new_of("goroutine", "goroutine", "count");
	char *name = calloc(1, 100001);
	uint32_t frame;
	char *text;

	(void)state;
	memset(name, 'x', 100000);
	memcpy(name, "a\n1 @ 0x9", 9);
	frame = built_frame(builder, 0xfff, name, name, 1);
	profile_builder__comment(builder, "%s", name);
	add(builder, &frame, 1, (int64_t[]){1});
	text = built_text(builder, export_text);
	assert_non_null(strstr(text, "\n# a?1 @ 0x9xxx"));
	assert_non_null(strstr(text, "\n#\t0xfff\ta?1 @ 0x9xxx"));
	assert_null(strstr(text, "\n1 @ 0x9"));
	for (char *line = text; *line; line += strcspn(line, "\n") + 1)
		assert_true(strcspn(line, "\n") < 16384);
	free(text);
	free(name);
}

static void sums_that_do_not_fit_are_the_greatest_number(void **state)
{
	struct profile_builder *builder = new_of("goroutine", "samples", "count");
	uint32_t frame = built_frame(builder, 0xfff, "work", "", 0), other;

	(void)state;
	add(builder, &frame, 1, (int64_t[]){INT64_MAX});
	add(builder, &frame, 1, (int64_t[]){INT64_MAX});
	assert_has(builder, "samples profile: total 9223372036854775807\n"
			    "9223372036854775807 @");
	builder = new_heap();
	frame = built_frame(builder, 0xfff, "work", "", 0);
	other = built_frame(builder, 0x1fff, "more", "", 0);
	add(builder, &frame, 1, (int64_t[]){INT64_MAX, 1, -2, 1});
	add(builder, &other, 1, (int64_t[]){INT64_MAX, 1, -2, 1});
	assert_has(builder, "# Frees = 9223372036854775807\n");
}

/* pprof refuses the whole file for a count below zero. */
static void what_go_has_no_minus_for_is_plain(void **state)
{
	struct profile_builder *builder = new_of("goroutine", "goroutine", "count");
	uint32_t frame = built_frame(builder, 0xfff, "work", "", 0);

	(void)state;
	add(builder, &frame, 1, (int64_t[]){-3});
	assert_text(builder, "exoprof goroutine: goroutine/count -3\n"
			     "-3 @ 0x1000\n"
			     "#\t0xfff\twork\n"
			     "\n");
	builder = new_heap();
	frame = built_frame(builder, 0xfff, "work", "", 0);
	add(builder, &frame, 1, (int64_t[]){-1, -64, 0, 0});
	assert_has(builder, "exoprof heap: alloc_objects/count -1,");
	builder = new_contention("mutex");
	frame = built_frame(builder, 0xfff, "work", "", 0);
	add(builder, &frame, 1, (int64_t[]){1, -5});
	assert_has(builder, "1 -5 @ 0x1000\n");
}

static void foreign_types_break_no_line(void **state)
{
	struct profile_builder *builder = new_of("", "a\nb", "count");

	(void)state;
	assert_has(builder, "a?b profile: total 0\n");
	builder = new_of("", "a\nb", "c\033d");
	profile_builder__type(builder, "e", "f", true);
	assert_has(builder, "exoprof profile: a?b/c?d 0, e/f 0\n");
}

/* pprof takes what is in the form of counts for counts. */
static void one_type_that_is_no_count_has_its_unit(void **state)
{
	(void)state;
	assert_has(new_of("", "space", "bytes"), "exoprof profile: space/bytes 0\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_heap_has_whole_values_the_greatest_first),
		cmocka_unit_test(a_heap_that_shrank_says_so_in_a_comment),
		cmocka_unit_test(bytes_of_an_unknown_number_of_objects_are_a_comment),
		cmocka_unit_test(objects_of_one_stack_stay_apart_by_their_size),
		cmocka_unit_test(waits_are_delay_and_count),
		cmocka_unit_test(a_mutex_profile_says_that_it_is_one),
		cmocka_unit_test(equal_threads_are_counted_with_their_labels),
		cmocka_unit_test(a_sample_has_an_address_whatever_happens),
		cmocka_unit_test(what_go_has_no_text_for_names_its_values),
		cmocka_unit_test(inlined_functions_have_a_line_each),
		cmocka_unit_test(without_a_source_the_mapped_file_is_named),
		cmocka_unit_test(no_name_breaks_a_line_or_makes_it_too_long),
		cmocka_unit_test(sums_that_do_not_fit_are_the_greatest_number),
		cmocka_unit_test(what_go_has_no_minus_for_is_plain),
		cmocka_unit_test(foreign_types_break_no_line),
		cmocka_unit_test(one_type_that_is_no_count_has_its_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
