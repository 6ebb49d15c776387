// SPDX-License-Identifier: Apache-2.0
/* What is zipped comes out again. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "export/gzip.h"

static char *zip(const void *bytes, size_t size, size_t *zipped_size)
{
	char *zipped = NULL;
	FILE *out = open_memstream(&zipped, zipped_size);

	assert_non_null(out);
	assert_int_equal(gzip__write(out, bytes, size), 0);
	assert_int_equal(fclose(out), 0);
	return zipped;
}

/* One whole gzip member, nothing behind it. */
static void assert_unzips_to(char *zipped, size_t zipped_size, const void *bytes, size_t size)
{
	unsigned char *unzipped = malloc(size + 1);
	z_stream stream = {
		.next_in = (unsigned char *)zipped,
		.avail_in = zipped_size,
		.next_out = unzipped,
		.avail_out = size + 1,
	};

	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(stream.total_out, size);
	assert_int_equal(stream.avail_in, 0);
	assert_memory_equal(unzipped, bytes, size);
	inflateEnd(&stream);
	free(unzipped);
}

static void assert_round_trip(const void *bytes, size_t size)
{
	size_t zipped_size;
	char *zipped = zip(bytes, size, &zipped_size);

	assert_unzips_to(zipped, zipped_size, bytes, size);
	free(zipped);
}

static void nothing_comes_out_as_nothing(void **state)
{
	(void)state;
	assert_round_trip("", 0);
}

static void one_byte_comes_out_again(void **state)
{
	(void)state;
	assert_round_trip("\0", 1);
	assert_round_trip("x", 1);
}

/* Once what zips well, once what cannot, so that the output buffer is filled many times. */
static void a_megabyte_comes_out_again(void **state)
{
	size_t size = 1 << 20;
	unsigned char *bytes = calloc(size, 1);
	uint64_t seed = 1;

	(void)state;
	assert_round_trip(bytes, size);
	for (size_t i = 0; i < size; i++)
		bytes[i] = (seed = seed * 6364136223846793005 + 1) >> 56;
	assert_round_trip(bytes, size);
	free(bytes);
}

/* RFC 1952: flags at 3, time at 4. */
static void the_header_has_no_name_and_no_time(void **state)
{
	size_t size;
	char *zipped = zip("hello", 5, &size);

	(void)state;
	assert_true(size > 18);
	assert_memory_equal(zipped, "\x1f\x8b\x08\0\0\0\0\0", 8);
	free(zipped);
}

static void a_stream_that_fails_is_an_error(void **state)
{
	FILE *out = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(out);
	setvbuf(out, NULL, _IONBF, 0);
	assert_int_equal(gzip__write(out, "hello", 5), -EIO);
	fclose(out);
}

static void more_than_zlib_takes_at_once_is_refused(void **state)
{
	(void)state;
	assert_int_equal(gzip__write(NULL, "", (size_t)UINT_MAX + 1), -EFBIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_comes_out_as_nothing),
		cmocka_unit_test(one_byte_comes_out_again),
		cmocka_unit_test(a_megabyte_comes_out_again),
		cmocka_unit_test(the_header_has_no_name_and_no_time),
		cmocka_unit_test(a_stream_that_fails_is_an_error),
		cmocka_unit_test(more_than_zlib_takes_at_once_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
