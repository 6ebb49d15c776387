// SPDX-License-Identifier: Apache-2.0
/* The table of formats. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "export/export.h"

static void a_format_is_found_by_its_name(void **state)
{
	(void)state;
	assert_ptr_equal(format__by_name("pprof")->write, export_pprof);
	assert_ptr_equal(format__by_name("folded")->write, export_folded);
	assert_ptr_equal(format__by_name("flamegraph")->write, export_flamegraph);
	assert_ptr_equal(format__by_name("text")->write, export_text);
	assert_ptr_equal(format__by_name("threads")->write, export_threads);
	assert_ptr_equal(format__by_name("speedscope")->write, export_speedscope);
	assert_ptr_equal(format__by_name("tree")->write, export_tree);
	assert_null(format__by_name(""));
	assert_null(format__by_name("PPROF"));
	assert_null(format__by_name("pprof "));
	assert_null(format__by_name("ppro"));
	assert_null(format__by_name(".svg"));
}

static void a_format_is_found_by_a_paths_ending(void **state)
{
	(void)state;
	assert_ptr_equal(format__by_path("cpu.pb.gz")->write, export_pprof);
	assert_ptr_equal(format__by_path("/tmp/a.svg/cpu.folded")->write, export_folded);
	assert_ptr_equal(format__by_path("a b.pb.gz.svg")->write, export_flamegraph);
	assert_ptr_equal(format__by_path(".svg")->write, export_flamegraph);
	assert_ptr_equal(format__by_path("a.speedscope.json")->write, export_speedscope);
	assert_ptr_equal(format__by_path("a.tree.json")->write, export_tree);
	assert_null(format__by_path("a.json"));
	assert_null(format__by_path(""));
	assert_null(format__by_path("-"));
	assert_null(format__by_path("svg"));
	assert_null(format__by_path("cpu.gz"));
	assert_ptr_equal(format__by_path("heap.txt")->write, export_text);
	assert_ptr_equal(format__by_path("now.threads")->write, export_threads);
	assert_null(format__by_path("cpu.svg.text"));
	assert_null(format__by_path("cpu.SVG"));
	assert_null(format__by_path("cpu.svg/"));
}

static void a_format_says_what_it_is(void **state)
{
	(void)state;
	assert_string_equal(format__by_name("pprof")->content_type, "application/octet-stream");
	assert_string_equal(format__by_name("pprof")->ending, ".pb.gz");
	assert_string_equal(format__by_name("folded")->content_type, "text/plain; charset=utf-8");
	assert_string_equal(format__by_name("folded")->ending, ".folded");
	assert_string_equal(format__by_name("flamegraph")->content_type,
			    "image/svg+xml; charset=utf-8");
	assert_string_equal(format__by_name("flamegraph")->ending, ".svg");
}

static void every_name_in_the_list_is_a_formats(void **state)
{
	char *names = strdup(format__names()), *rest = names, *name;
	int count = 0;

	(void)state;
	while ((name = strsep(&rest, ","))) {
		name += *name == ' ';
		assert_non_null(format__by_name(name));
		assert_string_equal(format__by_name(name)->name, name);
		count++;
	}
	assert_true(count >= 5);
	free(names);
}

static void a_format_says_which_profiles_it_is_for(void **state)
{
	(void)state;
	assert_true(format__is_for(format__by_name("threads"), "goroutine"));
	assert_false(format__is_for(format__by_name("threads"), "heap"));
	assert_true(format__is_for(format__by_name("text"), "heap"));
	assert_true(format__is_for(format__by_name("pprof"), "goroutine"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_format_is_found_by_its_name),
		cmocka_unit_test(a_format_is_found_by_a_paths_ending),
		cmocka_unit_test(a_format_says_what_it_is),
		cmocka_unit_test(a_format_says_which_profiles_it_is_for),
		cmocka_unit_test(every_name_in_the_list_is_a_formats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
