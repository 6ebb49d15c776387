// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "serve/snapshot_list.h"
#include "serve/snapshots.h"

static struct snapshots *snapshots;

static int open_store(void **state)
{
	(void)state;
	snapshots = snapshots__new(3, 100);
	return !snapshots;
}

static int close_store(void **state)
{
	(void)state;
	snapshots__free(snapshots);
	return 0;
}

static const struct snapshot *add(size_t size)
{
	struct snapshot described = {
		.kind = &profile_kind_heap,
		.query = "seconds=5",
		.title = "demo \"x\" (pid 42)",
		.time_ns = 1700000000123456789,
		.duration_ns = 5000000000,
	};

	return snapshots__add(snapshots, &described, calloc(1, size), size);
}

static bool has(uint64_t id)
{
	struct snapshot *snapshot = snapshots__hold(snapshots, id);

	snapshot__put(snapshot);
	return snapshot != NULL;
}

static void ids_are_never_given_twice(void **state)
{
	(void)state;
	assert_int_equal(add(1)->id, 1);
	assert_int_equal(add(1)->id, 2);
	assert_int_equal(snapshots__remove(snapshots, 2), 0);
	assert_int_equal(add(1)->id, 3);
	assert_int_equal(snapshots__remove(snapshots, 2), -ENOENT);
	assert_false(snapshots__has_had(snapshots, 0));
	assert_true(snapshots__has_had(snapshots, 2));
	assert_false(snapshots__has_had(snapshots, 4));
}

static void the_oldest_of_too_many_goes(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		add(1);
	assert_int_equal(snapshots__count(snapshots), 3);
	assert_false(has(2));
	assert_true(has(3));
	assert_int_equal(snapshots__at(snapshots, 0)->id, 3);
	assert_int_equal(snapshots__at(snapshots, 2)->id, 5);
}

static void the_oldest_make_room_by_bytes(void **state)
{
	(void)state;
	add(40);
	add(40);
	add(60);
	assert_int_equal(snapshots__bytes(snapshots), 100);
	assert_false(has(1));
	assert_true(has(2));
	add(100);
	assert_int_equal(snapshots__count(snapshots), 1);
	assert_int_equal(snapshots__bytes(snapshots), 100);
}

static void what_alone_is_too_large_pushes_nobody_out(void **state)
{
	(void)state;
	add(40);
	assert_null(add(101));
	assert_int_equal(errno, EFBIG);
	assert_true(has(1));
}

static void what_is_held_outlives_its_place(void **state)
{
	struct snapshot *held;

	(void)state;
	memcpy(add(4)->bytes, "abc", 4);
	held = snapshots__hold(snapshots, 1);
	for (int i = 0; i < 3; i++)
		add(1);
	assert_false(has(1));
	assert_int_equal(snapshots__bytes(snapshots), 3);
	assert_string_equal(held->bytes, "abc");
	snapshot__put(held);
	snapshot__put(NULL);
}

static void the_list_is_json(void **state)
{
	static const char entry[] =
		"{\"id\":2,\"kind\":\"heap\",\"query\":\"seconds=5\",\"taken_ms\":1700000000123,"
		"\"duration_ms\":5000,\"bytes\":7,\"title\":\"demo \\\"x\\\" (pid 42)\","
		"\"pprof\":\"/api/snapshots/2?format=pprof\"}";
	char expected[1024], *json;
	size_t size;

	(void)state;
	add(1);
	add(7);
	json = snapshot_list__entry(snapshots__at(snapshots, 1), &size);
	snprintf(expected, sizeof(expected), "%s\n", entry);
	assert_string_equal(json, expected);
	assert_int_equal(size, strlen(json));
	free(json);
	snapshots__remove(snapshots, 1);
	json = snapshot_list__all(snapshots, &size);
	snprintf(expected, sizeof(expected),
		 "{\"snapshots\":[%s],\"bytes\":7,\"max_bytes\":67108864,\"max_count\":32}\n",
		 entry);
	assert_string_equal(json, expected);
	free(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ids_are_never_given_twice, open_store, close_store),
		cmocka_unit_test_setup_teardown(the_oldest_of_too_many_goes, open_store,
						close_store),
		cmocka_unit_test_setup_teardown(the_oldest_make_room_by_bytes, open_store,
						close_store),
		cmocka_unit_test_setup_teardown(what_alone_is_too_large_pushes_nobody_out,
						open_store, close_store),
		cmocka_unit_test_setup_teardown(what_is_held_outlives_its_place, open_store,
						close_store),
		cmocka_unit_test_setup_teardown(the_list_is_json, open_store, close_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
