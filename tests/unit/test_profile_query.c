// SPDX-License-Identifier: Apache-2.0
/* What a request for a profile asks for. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "serve/profile_query.h"

static const struct profile_path heap = {.kind = &profile_kind_heap};
static const struct profile_path block = {.kind = &profile_kind_block};
static const struct profile_path cpu = {.kind = &profile_kind_cpu};
static const struct profile_path goroutine = {.kind = &profile_kind_goroutine};
static const struct profile_path wall = {.kind = &profile_kind_wall};
static const struct profile_path delta_block = {.kind = &profile_kind_block, .since_last = true};
static const struct profile_path delta = {.kind = &profile_kind_heap, .since_last = true};

static struct profile_query read_as(const struct profile_path *path, const char *text,
				    const char *accept)
{
	struct client_words words = {
		.query = text,
		.query_length = strlen(text),
		.accept = accept,
		.accept_length = accept ? strlen(accept) : 0,
	};
	struct profile_query query;
	char why[256] = "";

	if (profile_query__read(&query, path, &words, why, sizeof(why)))
		fail_msg("%s is refused: %s", text, why);
	assert_ptr_equal(query.request.kind, path->kind);
	return query;
}

static struct profile_query read(const struct profile_path *path, const char *text)
{
	return read_as(path, text, NULL);
}

static void assert_refused(const struct profile_path *path, const char *text, const char *reason)
{
	struct client_words words = {.query = text, .query_length = strlen(text)};
	struct profile_query query;
	char why[256] = "";

	if (profile_query__read(&query, path, &words, why, sizeof(why)) != 400)
		fail_msg("%s is not refused", text);
	if (!strstr(why, reason))
		fail_msg("no '%s' in '%s'", reason, why);
}

static void what_takes_time_takes_thirty_seconds_if_not_told(void **state)
{
	static const char *const texts[] = {"", "seconds=", "seconds=0", "seconds=-1", "seconds=x"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		assert_int_equal(read(&cpu, texts[i]).request.seconds, 30);
		assert_int_equal(read(&wall, texts[i]).request.seconds, 30);
	}
	assert_int_equal(read(&cpu, "seconds=5").request.seconds, 5);
	assert_false(read(&cpu, "seconds=5").is_delta);
	assert_refused(&cpu, "seconds=86401", "too long");
}

static void a_snapshot_is_a_difference_if_told(void **state)
{
	static const char *const wrong[] = {"seconds=0", "seconds=-1", "seconds=x",
					    "seconds=86401"};

	(void)state;
	assert_int_equal(read(&heap, "").request.seconds, 0);
	assert_int_equal(read(&heap, "seconds=").request.seconds, 0);
	assert_false(read(&heap, "seconds=").is_delta);
	assert_int_equal(read(&block, "seconds=86400").request.seconds, 86400);
	assert_true(read(&heap, "seconds=5").is_delta);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_refused(&heap, wrong[i], "seconds");
}

static void what_came_since_the_last_one_has_no_seconds(void **state)
{
	(void)state;
	assert_true(read(&delta, "").request.since_last);
	assert_true(read(&delta, "gc=1").request.since_last);
	assert_false(read(&heap, "").request.since_last);
	assert_false(read(&delta, "").is_delta);
	assert_int_equal(read(&delta, "seconds=5").request.seconds, 0);
	assert_int_equal(read(&delta, "seconds=14&seconds=14").request.seconds, 0);
	assert_int_equal(read(&delta, "seconds=x").request.seconds, 0);
	assert_false(read(&delta, "seconds=5").is_delta);
	assert_refused(&delta, "preattach=1", "preattach");
}

static void debug_and_seconds_exclude_each_other(void **state)
{
	(void)state;
	assert_refused(&heap, "debug=1&seconds=1", "seconds and debug");
	assert_refused(&block, "debug=2&seconds=1", "seconds and debug");
	/* Go looks at the number first. */
	assert_refused(&heap, "debug=1&seconds=x", "whole number");
	read(&heap, "debug=0&seconds=1");
	read(&heap, "debug=x&seconds=1");
	/* There is no text of it. */
	assert_string_equal(read(&cpu, "debug=1&seconds=1").request.format->name, "pprof");
	assert_string_equal(read(&wall, "debug=1&seconds=1").request.format->name, "pprof");
}

static void the_format_is_as_asked_for(void **state)
{
	(void)state;
	assert_string_equal(read(&heap, "").request.format->name, "pprof");
	assert_string_equal(read(&heap, "format=folded").request.format->name, "folded");
	assert_string_equal(read(&cpu, "format=flamegraph").request.format->name, "flamegraph");
	assert_string_equal(read(&heap, "format=folded&debug=1").request.format->name, "folded");
	assert_refused(&heap, "format=", "format");
	assert_refused(&heap, "format=gif", "format \"gif\"");
}

static void a_path_has_a_format_of_its_own(void **state)
{
	const struct profile_path path = {.kind = &profile_kind_heap, .format = "folded"};

	(void)state;
	assert_string_equal(read(&path, "").request.format->name, "folded");
	assert_string_equal(read(&path, "format=pprof").request.format->name, "pprof");
}

static void one_type_alone_is_a_wish(void **state)
{
	struct profile_query query = read_as(&heap, "", "image/svg+xml");

	(void)state;
	assert_string_equal(query.request.format->name, "flamegraph");
	assert_true(query.by_accept);
	query = read_as(&heap, "", "text/html,image/svg+xml,*/*;q=0.8");
	assert_string_equal(query.request.format->name, "pprof");
	assert_true(query.by_accept);
	query = read_as(&heap, "format=pprof", "image/svg+xml");
	assert_string_equal(query.request.format->name, "pprof");
	assert_false(query.by_accept);
	/* Nobody knows which. */
	query = read_as(&heap, "", "text/html");
	assert_string_equal(query.request.format->name, "pprof");
}

static void what_was_there_before_is_for_the_heap(void **state)
{
	(void)state;
	assert_true(read(&heap, "preattach=1").request.preattach);
	assert_false(read(&heap, "preattach=0&seconds=1").request.preattach);
	assert_refused(&heap, "preattach=2", "preattach");
	assert_refused(&heap, "preattach=1&seconds=1", "preattach");
	assert_refused(&block, "preattach=1", "heap");
}

static void a_thread_has_a_name_of_fifteen_bytes_at_most(void **state)
{
	(void)state;
	assert_string_equal(read(&block, "").request.thread, "");
	assert_string_equal(read(&block, "thread=a+b").request.thread, "a b");
	assert_string_equal(read(&cpu, "thread=123456789012345").request.thread, "123456789012345");
	assert_refused(&cpu, "thread=1234567890123456", "thread");
	assert_refused(&cpu, "thread=", "thread");
	assert_refused(&heap, "thread=a", "heap");
}

static void the_only_label_is_tid(void **state)
{
	(void)state;
	assert_false(read(&cpu, "").request.with_tid);
	assert_true(read(&cpu, "labels=tid").request.with_tid);
	assert_true(read(&wall, "labels=,tid,,tid,").request.with_tid);
	assert_false(read(&block, "labels=").request.with_tid);
	assert_refused(&cpu, "labels=tid,pid", "unknown label \"pid\"");
	assert_refused(&cpu, "labels=tidx", "unknown label");
	assert_refused(&heap, "labels=tid", "heap");
}

static void waits_have_thread_numbers_only_of_their_seconds(void **state)
{
	(void)state;
	assert_true(read(&block, "labels=tid&seconds=1").request.with_tid);
	assert_true(read(&goroutine, "labels=tid").request.with_tid);
	assert_refused(&block, "labels=tid", "use block?seconds=N");
	assert_refused(&delta_block, "labels=tid", "use block?seconds=N");
}

static void only_threads_have_a_stack_each(void **state)
{
	(void)state;
	assert_refused(&heap, "format=threads", "goroutine");
	assert_string_equal(read(&goroutine, "format=threads").request.format->name, "threads");
	assert_string_equal(read(&goroutine, "debug=2").request.format->name, "threads");
	assert_string_equal(read(&goroutine, "debug=1").request.format->name, "text");
	assert_string_equal(read(&heap, "debug=2").request.format->name, "text");
	assert_string_equal(read(&heap, "debug=-1").request.format->name, "text");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_takes_time_takes_thirty_seconds_if_not_told),
		cmocka_unit_test(a_snapshot_is_a_difference_if_told),
		cmocka_unit_test(what_came_since_the_last_one_has_no_seconds),
		cmocka_unit_test(debug_and_seconds_exclude_each_other),
		cmocka_unit_test(the_format_is_as_asked_for),
		cmocka_unit_test(a_path_has_a_format_of_its_own),
		cmocka_unit_test(one_type_alone_is_a_wish),
		cmocka_unit_test(what_was_there_before_is_for_the_heap),
		cmocka_unit_test(a_thread_has_a_name_of_fifteen_bytes_at_most),
		cmocka_unit_test(the_only_label_is_tid),
		cmocka_unit_test(waits_have_thread_numbers_only_of_their_seconds),
		cmocka_unit_test(only_threads_have_a_stack_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
