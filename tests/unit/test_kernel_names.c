// SPDX-License-Identifier: Apache-2.0
/* Kernel functions that come while exoprof runs. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbol/kernel_names.h"

static void write_file(const char *path, const char *text)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

static void what_was_loaded_later_is_named_after_a_while(void **state)
{
	char path[] = "/tmp/test_kernel_names_XXXXXX";
	struct kernel_names *names = kernel_names__new(path, "/nonexistent");
	const char *name;

	(void)state;
	close(mkstemp(path));
	write_file(path, "ffffffff81000000 T _stext\nffffffff82000000 T _etext\n");
	assert_null(kernel_names__find(names, 0xffffffffc0000010));
	write_file(path, "ffffffff81000000 T renamed\nffffffff82000000 T _etext\n"
			 "ffffffffc0000000 t bpf_prog_6deef7357e7b4530_late\t[bpf]\n");
	/* Not for each of thousands, and not for what is always there. */
	assert_null(kernel_names__find(names, 0xffffffffc0000010));
	sleep(4);
	assert_string_equal(kernel_names__find(names, 0xffffffff81000010), "_stext");
	name = kernel_names__find(names, 0xffffffffc0000010);
	assert_non_null(name);
	assert_string_equal(name, "bpf_prog_6deef7357e7b4530_late [bpf]");
	/* What cannot be read any more is not forgotten. */
	unlink(path);
	sleep(4);
	assert_non_null(kernel_names__find(names, 0xffffffffc0000010));
	kernel_names__free(names);
}

static void without_a_list_there_are_no_names(void **state)
{
	struct kernel_names *names = kernel_names__new("/nonexistent", "/nonexistent");

	(void)state;
	assert_null(kernel_names__find(names, 0xffffffff81000010));
	kernel_names__free(names);
	kernel_names__free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_loaded_later_is_named_after_a_while),
		cmocka_unit_test(without_a_list_there_are_no_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
