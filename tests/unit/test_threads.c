// SPDX-License-Identifier: Apache-2.0
/* The text of debug=2: the form of Go's own, which tools read. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "built.h"

#define HEAD "# goroutine: a thread, by its number (TID)\n\n"

static struct profile_builder *new_builder(void)
{
	struct profile_builder *builder = profile_builder__new();

	assert_non_null(builder);
	profile_builder__type(builder, "goroutine", "count", true);
	profile_builder__kind(builder, "goroutine");
	return builder;
}

/* A thread; label names and texts follow, up to a NULL. */
static void add_thread(struct profile_builder *builder, const uint32_t *stack, uint32_t depth, ...)
{
	struct profile_label labels[8];
	uint32_t count = 0;
	const char *key;
	va_list args;

	va_start(args, depth);
	while ((key = va_arg(args, const char *)))
		labels[count++] = built_label(builder, key, va_arg(args, const char *));
	va_end(args);
	profile_builder__sample(builder, stack, depth, (int64_t[]){1}, labels, count);
}

static void assert_text(struct profile_builder *builder, const char *expected)
{
	char *text = built_text(builder, export_threads);

	assert_string_equal(text, expected);
	free(text);
}

static void each_thread_has_a_block(void **state)
{
	struct profile_builder *builder = new_builder();
	struct profile_line kernel = {.function = built_function(builder, "futex_wait", "")};
	uint32_t stack[] = {
		profile_builder__location(builder, PROFILE_NO_MAPPING, 0xffffffff81000000,
					  FRAME_KERNEL, &kernel, 1),
		built_frame(builder, 0xfff, "ns::work(int)", "w.c", 12),
		profile_builder__note(builder, "[truncated: too deep]"),
	};

	(void)state;
	profile_builder__offset(builder, stack[1], 0x1a);
	profile_builder__comment(builder, "a comment");
	add_thread(builder, stack, 3, "thread", "worker", "tid", "4242", "pid", "77", "state",
		   "sleeping", "reason", "lock", "wchan", "futex_wait", NULL);
	assert_text(builder, "# a comment\n" HEAD
			     "goroutine 4242 [sleeping: lock in futex_wait, worker of pid 77]:\n"
			     "[kernel] futex_wait(...)\n"
			     "\t??:0\n"
			     "ns::work(int)(...)\n"
			     "\tw.c:12 +0x1a\n"
			     "[truncated: too deep](...)\n"
			     "\t??:0\n"
			     "\n");
}

static void threads_are_in_the_order_of_their_numbers(void **state)
{
	struct profile_builder *builder = new_builder();
	uint32_t frame = built_frame(builder, 0xfff, "f", "w.c", 1);

	(void)state;
	add_thread(builder, &frame, 1, "tid", "100", "state", "running", "thread", "b", NULL);
	add_thread(builder, &frame, 1, "tid", "99", "state", "running", NULL);
	assert_text(builder, HEAD "goroutine 99 [running]:\nf(...)\n\tw.c:1\n\n"
				  "goroutine 100 [running, b]:\nf(...)\n\tw.c:1\n\n");
}

static void what_is_not_known_is_not_guessed(void **state)
{
	struct profile_builder *builder = new_builder();
	uint32_t lost = profile_builder__note(builder, "[lost]");

	(void)state;
	profile_builder__sample(builder, &lost, 1, (int64_t[]){3}, NULL, 0);
	assert_text(builder, HEAD "goroutine 0 [unknown state, 3 threads]:\n"
				  "[lost](...)\n\t??:0\n\n");
}

static void a_threads_name_cannot_break_the_header(void **state)
{
	struct profile_builder *builder = new_builder();

	(void)state;
	add_thread(builder, NULL, 0, "tid", "7", "state", "running", "thread", "a]:\n, 9 minutes",
		   NULL);
	assert_text(builder, HEAD "goroutine 7 [running, a?:?? 9 minutes]:\n\n");
}

static void inlined_functions_have_no_offset(void **state)
{
	struct profile_builder *builder = new_builder();
	struct profile_line lines[] = {
		{.function = built_function(builder, "inner", "i.h"), .line = 5},
		{.function = built_function(builder, "outer", "o.c"), .line = 9},
	};
	uint32_t location =
		profile_builder__location(builder, PROFILE_NO_MAPPING, 0xfff, FRAME_APP, lines, 2);

	(void)state;
	profile_builder__offset(builder, location, 0x10);
	add_thread(builder, &location, 1, "tid", "7", "state", "running", NULL);
	assert_text(builder, HEAD "goroutine 7 [running]:\n"
				  "inner(...)\n\ti.h:5\nouter(...)\n\to.c:9 +0x10\n\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_thread_has_a_block),
		cmocka_unit_test(threads_are_in_the_order_of_their_numbers),
		cmocka_unit_test(what_is_not_known_is_not_guessed),
		cmocka_unit_test(a_threads_name_cannot_break_the_header),
		cmocka_unit_test(inlined_functions_have_no_offset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
