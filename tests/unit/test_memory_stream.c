// SPDX-License-Identifier: Apache-2.0
/* A stream in memory that is closed has its text, or it is said that it has not. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "base/memory_stream.h"

static void what_was_written_is_there(void **state)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_non_null(out);
	fputs("all of it", out);
	assert_int_equal(memory_stream__close(out, &text), 0);
	assert_string_equal(text, "all of it");
	assert_int_equal(size, 9);
	free(text);
}

static void nothing_written_is_an_empty_text(void **state)
{
	char *text = NULL;
	size_t size = 1;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_non_null(out);
	assert_int_equal(memory_stream__close(out, &text), 0);
	assert_string_equal(text, "");
	assert_int_equal(size, 0);
	free(text);
}

/* As glibc leaves it where its last realloc() fails. */
static void a_text_that_is_not_there_is_an_error(void **state)
{
	char *text = NULL, *none = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_non_null(out);
	assert_int_equal(memory_stream__close(out, &none), -ENOMEM);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_there),
		cmocka_unit_test(nothing_written_is_an_empty_text),
		cmocka_unit_test(a_text_that_is_not_there_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
