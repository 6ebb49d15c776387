// SPDX-License-Identifier: Apache-2.0
/* The file that a profile goes to. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"

static char folder[] = "/tmp/exoprof-test-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/file", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static void assert_content(const char *expected, size_t size)
{
	FILE *in = fopen(path, "r");
	char *content = malloc(size + 1);

	assert_non_null(in);
	assert_int_equal(fread(content, 1, size + 1, in), size);
	assert_memory_equal(content, expected, size);
	fclose(in);
	free(content);
}

static void write_text(const char *text)
{
	int fd = output__open(path);

	assert_true(fd >= 0);
	assert_int_equal(output__write(fd, text, strlen(text)), 0);
	assert_int_equal(fcntl(fd, F_GETFD), -1); /* it was closed */
}

static void what_is_written_is_in_the_file(void **state)
{
	(void)state;
	unlink(path);
	write_text("hello");
	assert_content("hello", 5);
}

static void shorter_content_replaces_longer(void **state)
{
	(void)state;
	write_text("something long");
	write_text("short");
	assert_content("short", 5);
	write_text("");
	assert_content("", 0);
}

static void opening_alone_changes_nothing(void **state)
{
	int fd;

	(void)state;
	write_text("precious");
	fd = output__open(path);
	assert_true(fd >= 0);
	assert_content("precious", 8);
	close(fd);
	assert_content("precious", 8);
}

static void a_megabyte_is_written_whole(void **state)
{
	size_t size = 1 << 20;
	char *bytes = malloc(size);
	int fd = output__open(path);

	(void)state;
	for (size_t i = 0; i < size; i++)
		bytes[i] = i * 7 >> 3;
	assert_int_equal(output__write(fd, bytes, size), 0);
	assert_content(bytes, size);
	free(bytes);
}

static void a_path_that_cannot_be_written_is_an_error(void **state)
{
	char below[80];

	(void)state;
	write_text("a file");
	snprintf(below, sizeof(below), "%s/x", path);
	assert_int_equal(output__open(below), -ENOTDIR);
	assert_int_equal(output__open(folder), -EISDIR);
	assert_int_equal(output__open("/no/such/folder/file"), -ENOENT);
	assert_int_equal(output__open(""), -ENOENT);
}

static void a_pipe_takes_the_bytes_though_it_has_no_length(void **state)
{
	int ends[2];
	char bytes[8];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(output__write(ends[1], "hello", 5), 0);
	assert_int_equal(read(ends[0], bytes, sizeof(bytes)), 5);
	assert_memory_equal(bytes, "hello", 5);
	assert_int_equal(read(ends[0], bytes, sizeof(bytes)), 0); /* it was closed */
	close(ends[0]);
}

static void a_full_disk_is_an_error(void **state)
{
	int fd = output__open("/dev/full");

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(output__write(fd, "hello", 5), -ENOSPC);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void a_dash_is_a_copy_of_standard_output(void **state)
{
	int fd = output__open("-");

	(void)state;
	assert_true(fd > STDERR_FILENO);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	assert_true(fcntl(STDOUT_FILENO, F_GETFD) >= 0);
	assert_int_equal(access("-", F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_in_the_file),
		cmocka_unit_test(shorter_content_replaces_longer),
		cmocka_unit_test(opening_alone_changes_nothing),
		cmocka_unit_test(a_megabyte_is_written_whole),
		cmocka_unit_test(a_path_that_cannot_be_written_is_an_error),
		cmocka_unit_test(a_pipe_takes_the_bytes_though_it_has_no_length),
		cmocka_unit_test(a_full_disk_is_an_error),
		cmocka_unit_test(a_dash_is_a_copy_of_standard_output),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
