// SPDX-License-Identifier: Apache-2.0
/* Lines of /proc/PID/maps, and finding a mapping by address. */
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
#include <sys/sysmacros.h>

#include "target/maps.h"
#include "target/vdso.h"

#define LINES_MAX 16

struct seen {
	struct map_line lines[LINES_MAX]; /* with copies of the paths */
	size_t count;
	size_t stop_at; /* gives -EIO at that line, counted from 1 */
};

static int see(void *context, const struct map_line *line)
{
	struct seen *seen = context;

	assert_true(seen->count < LINES_MAX);
	seen->lines[seen->count] = *line;
	if (line->path)
		seen->lines[seen->count].path = strdup(line->path);
	return ++seen->count == seen->stop_at ? -EIO : 0;
}

static int parse(struct seen *seen, const char *text)
{
	FILE *in = fmemopen((void *)text, strlen(text), "r");
	int err;

	assert_non_null(in);
	err = map_lines__parse(in, see, seen);
	fclose(in);
	return err;
}

static void forget(struct seen *seen)
{
	for (size_t i = 0; i < seen->count; i++)
		free(seen->lines[i].path);
}

static void assert_path(const char *text, const char *path)
{
	struct seen seen = {};

	assert_int_equal(parse(&seen, text), 0);
	assert_int_equal(seen.count, 1);
	if (path)
		assert_string_equal(seen.lines[0].path, path);
	else
		assert_null(seen.lines[0].path);
	forget(&seen);
}

static void every_field_of_a_line_is_read(void **state)
{
	struct seen seen = {};

	(void)state;
	assert_int_equal(parse(&seen, "7f1ce5a26000-7f1ce5b7b000 r-xp 00026000 fe:01 393317"
				      "                     /usr/lib/x86_64-linux-gnu/libc.so.6\n"),
			 0);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.lines[0].start, 0x7f1ce5a26000);
	assert_int_equal(seen.lines[0].end, 0x7f1ce5b7b000);
	assert_int_equal(seen.lines[0].file_offset, 0x26000);
	assert_int_equal(seen.lines[0].device, makedev(0xfe, 1));
	assert_int_equal(seen.lines[0].inode, 393317);
	assert_true(seen.lines[0].executable);
	assert_string_equal(seen.lines[0].path, "/usr/lib/x86_64-linux-gnu/libc.so.6");
	forget(&seen);
}

static void only_an_x_makes_a_line_executable(void **state)
{
	struct seen seen = {};

	(void)state;
	assert_int_equal(parse(&seen, "1000-2000 rw-p 00000000 00:00 0\n"
				      "2000-3000 ---p 00000000 00:00 0\n"
				      "3000-4000 --xp 00000000 00:00 0\n"
				      "4000-5000 rwxs 00000000 00:00 0\n"),
			 0);
	assert_int_equal(seen.count, 4);
	assert_false(seen.lines[0].executable);
	assert_false(seen.lines[1].executable);
	assert_true(seen.lines[2].executable);
	assert_true(seen.lines[3].executable);
	forget(&seen);
}

static void only_a_w_makes_a_line_writable(void **state)
{
	struct seen seen = {};

	(void)state;
	assert_int_equal(parse(&seen, "1000-2000 rw-p 00000000 00:00 0\n"
				      "2000-3000 r-xp 00000000 00:00 0\n"
				      "3000-4000 -w-s 00000000 00:00 0\n"),
			 0);
	assert_int_equal(seen.count, 3);
	assert_true(seen.lines[0].writable);
	assert_false(seen.lines[1].writable);
	assert_true(seen.lines[2].writable);
	forget(&seen);
}

static void a_path_may_be_missing(void **state)
{
	(void)state;
	assert_path("7ffd0000-7ffd1000 rw-p 00000000 00:00 0 \n", NULL);
	assert_path("7ffd0000-7ffd1000 rw-p 00000000 00:00 0\n", NULL);
	assert_path("7ffd0000-7ffd1000 rw-p 00000000 00:00 0", NULL);
}

static void a_path_is_what_the_kernel_wrote(void **state)
{
	(void)state;
	assert_path("7ffd0000-7ffd1000 r-xp 00000000 00:00 0       [vdso]\n", "[vdso]");
	assert_path("7ffd0000-7ffd1000 r-xp 00000000 00:00 0       [vdso]", "[vdso]");
	assert_path("7ffd0000-7ffd1000 r-xp 00000000 08:01 7   /tmp/a b  c\n", "/tmp/a b  c");
	assert_path("7ffd0000-7ffd1000 r-xp 00000000 08:01 7   /tmp/x (deleted)\n",
		    "/tmp/x (deleted)");
	assert_path("7ffd0000-7ffd1000 rw-s 00000000 00:05 2   /memfd:a name (deleted)\n",
		    "/memfd:a name (deleted)");
	assert_path("7ffd0000-7ffd1000 rw-p 00000000 00:00 0   [anon: 1-2 r-xp]\n",
		    "[anon: 1-2 r-xp]");
}

static void an_escaped_newline_is_one_again(void **state)
{
	(void)state;
	assert_path("1000-2000 r-xp 00000000 08:01 7   /tmp/a\\012b\\012\n", "/tmp/a\nb\n");
	assert_path("1000-2000 r-xp 00000000 08:01 7   \\012\n", "\n");
	assert_path("1000-2000 r-xp 00000000 08:01 7   /tmp/a\\01\n", "/tmp/a\\01");
	assert_path("1000-2000 r-xp 00000000 08:01 7   /tmp/a\\040b\\\n", "/tmp/a\\040b\\");
}

static void the_highest_numbers_fit(void **state)
{
	struct seen seen = {};

	(void)state;
	assert_int_equal(parse(&seen, "0-ffffffffffffffff --xp ffffffffffffffff ffff:fffff "
				      "18446744073709551615 /x\n"
				      "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 "
				      "                 [vsyscall]\n"),
			 0);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.lines[0].start, 0);
	assert_int_equal(seen.lines[0].end, UINT64_MAX);
	assert_int_equal(seen.lines[0].file_offset, UINT64_MAX);
	assert_int_equal(seen.lines[0].inode, UINT64_MAX);
	assert_int_equal(seen.lines[0].device, makedev(0xffff, 0xfffff));
	assert_int_equal(seen.lines[1].start, 0xffffffffff600000);
	forget(&seen);
}

static void a_malformed_line_is_refused(void **state)
{
	static const char *const lines[] = {
		"\n",
		"hello\n",
		"1000\n",
		"1000-\n",
		"-2000 r-xp 00000000 00:00 0\n",
		"1000 2000 r-xp 00000000 00:00 0\n",
		"1000-2000\n",
		"1000-2000 r-xp\n",
		"1000-2000 r-xp 00000000\n",
		"1000-2000 r-xp 00000000 00\n",
		"1000-2000 r-xp 00000000 0000\n",
		"1000-2000 r-xp 00000000 00:\n",
		"1000-2000 r-xp 00000000 00:00\n",
		"1000-2000 r-xp 00000000 00:00 inode\n",
		"1000-2000 r-xp offset 00:00 0\n",
		"1000-2000 r-xp 00000000 xx:00 0\n",
		"1000-2000 r-xpp 00000000 00:00 0\n",
		"1000-2000 r-x 00000000 00:00 0\n",
		"1000-2000 r 00000000 00:00 0\n",
		"2000-1000 r-xp 00000000 00:00 0\n",
		"1000-1000 r-xp 00000000 00:00 0\n",
		"x000-2000 r-xp 00000000 00:00 0\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct seen seen = {};

		if (parse(&seen, lines[i]) != -EBADMSG || seen.count)
			fail_msg("not refused: %s", lines[i]);
	}
}

static void lines_before_a_malformed_one_are_seen_and_none_behind_it(void **state)
{
	struct seen seen = {};

	(void)state;
	assert_int_equal(parse(&seen, "1000-2000 r-xp 00000000 00:00 0\n"
				      "oops\n"
				      "3000-4000 r-xp 00000000 00:00 0\n"),
			 -EBADMSG);
	assert_int_equal(seen.count, 1);
	forget(&seen);
}

static void the_callbacks_error_ends_the_reading(void **state)
{
	struct seen seen = {.stop_at = 2};

	(void)state;
	assert_int_equal(parse(&seen, "1000-2000 r-xp 00000000 00:00 0\n"
				      "2000-3000 r-xp 00000000 00:00 0\n"
				      "3000-4000 r-xp 00000000 00:00 0\n"),
			 -EIO);
	assert_int_equal(seen.count, 2);
	forget(&seen);
}

static void a_line_of_100_kilobytes_is_read_whole(void **state)
{
	static const char head[] = "1000-2000 r-xp 00000000 08:01 7 ";
	size_t length = 100000;
	char *text = malloc(sizeof(head) + length + 1);
	struct seen seen = {};

	(void)state;
	strcpy(text, head);
	memset(text + strlen(head), 'p', length);
	strcpy(text + strlen(head) + length, "\n");
	assert_int_equal(parse(&seen, text), 0);
	assert_int_equal(seen.count, 1);
	assert_int_equal(strlen(seen.lines[0].path), length);
	forget(&seen);
	free(text);
}

static void nothing_has_no_lines(void **state)
{
	FILE *in = fopen("/dev/null", "r");
	struct seen seen = {};

	(void)state;
	assert_int_equal(map_lines__parse(in, see, &seen), 0);
	assert_int_equal(seen.count, 0);
	fclose(in);
}

static void a_read_error_is_passed_on(void **state)
{
	FILE *in = fopen("/", "r");
	struct seen seen = {};

	(void)state;
	assert_int_equal(map_lines__parse(in, see, &seen), -EISDIR);
	fclose(in);
}

static struct mapping made[] = {
	{.start = 0x1000, .end = 0x2000},
	{.start = 0x2000, .end = 0x3000},
	{.start = 0x5000, .end = 0x6000},
};

static void an_address_is_found_from_the_first_byte_to_the_last(void **state)
{
	struct maps maps = {.items = made, .count = 3};

	(void)state;
	assert_ptr_equal(maps__find(&maps, 0x1000), &made[0]);
	assert_ptr_equal(maps__find(&maps, 0x1800), &made[0]);
	assert_ptr_equal(maps__find(&maps, 0x1fff), &made[0]);
	assert_ptr_equal(maps__find(&maps, 0x2000), &made[1]);
	assert_ptr_equal(maps__find(&maps, 0x5000), &made[2]);
	assert_ptr_equal(maps__find(&maps, 0x5fff), &made[2]);
}

static void an_address_in_no_mapping_is_not_found(void **state)
{
	struct maps maps = {.items = made, .count = 3};

	(void)state;
	assert_null(maps__find(&maps, 0));
	assert_null(maps__find(&maps, 0xfff));
	assert_null(maps__find(&maps, 0x3000));
	assert_null(maps__find(&maps, 0x4fff));
	assert_null(maps__find(&maps, 0x6000));
	assert_null(maps__find(&maps, UINT64_MAX));
}

static void no_mappings_hold_no_address(void **state)
{
	struct maps maps = {};

	(void)state;
	assert_null(maps__find(&maps, 0));
	assert_null(maps__find(&maps, 0x1000));
}

static void mappings_are_equal_if_code_is_where_it_was(void **state)
{
	static const struct mapping original = {
		.start = 0x1000, .end = 0x2000, .file_offset = 0x3000, .name = "a"};
	struct mapping changed[] = {original, original, original, original};
	struct mapping same = original;
	struct maps a = {.items = (struct mapping *)&original, .count = 1};
	struct maps b = {.items = &same, .count = 1};

	(void)state;
	assert_true(maps__equal(&a, &b));
	b.count = 0;
	assert_false(maps__equal(&a, &b));
	b.count = 1;
	changed[0].start = 0x800;
	changed[1].end = 0x2800;
	changed[2].file_offset = 0;
	changed[3].name = "b";
	for (size_t i = 0; i < sizeof(changed) / sizeof(*changed); i++) {
		b.items = &changed[i];
		assert_false(maps__equal(&a, &b));
	}
	b.items = &same;
	b.jit = (struct jit_file *)&b;
	assert_false(maps__equal(&a, &b));
}

static void a_mapping_without_code_of_a_file_has_no_bias(void **state)
{
	struct elf_file *not_elf = elf_file__open(open("/dev/null", O_RDONLY), "");
	struct mapping mapping = {.start = 0x1000, .end = 0x2000};
	uint64_t bias;

	(void)state;
	assert_false(mapping__bias(&mapping, &bias));
	mapping.file = not_elf;
	assert_false(mapping__bias(&mapping, &bias));
	elf_file__put(not_elf);
}

/* test_linker compares it with the linker's. */
static void the_bias_of_the_vdso_is_where_it_was_mapped(void **state)
{
	struct mapping mapping = {.start = 0x7fff0000, .end = 0x7fff1000, .file = vdso__open()};
	uint64_t bias;

	(void)state;
	assert_true(mapping__bias(&mapping, &bias));
	assert_int_equal(bias, 0x7fff0000);
	elf_file__put(mapping.file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_of_a_line_is_read),
		cmocka_unit_test(only_an_x_makes_a_line_executable),
		cmocka_unit_test(only_a_w_makes_a_line_writable),
		cmocka_unit_test(a_path_may_be_missing),
		cmocka_unit_test(a_path_is_what_the_kernel_wrote),
		cmocka_unit_test(an_escaped_newline_is_one_again),
		cmocka_unit_test(the_highest_numbers_fit),
		cmocka_unit_test(a_malformed_line_is_refused),
		cmocka_unit_test(lines_before_a_malformed_one_are_seen_and_none_behind_it),
		cmocka_unit_test(the_callbacks_error_ends_the_reading),
		cmocka_unit_test(a_line_of_100_kilobytes_is_read_whole),
		cmocka_unit_test(nothing_has_no_lines),
		cmocka_unit_test(a_read_error_is_passed_on),
		cmocka_unit_test(an_address_is_found_from_the_first_byte_to_the_last),
		cmocka_unit_test(an_address_in_no_mapping_is_not_found),
		cmocka_unit_test(no_mappings_hold_no_address),
		cmocka_unit_test(mappings_are_equal_if_code_is_where_it_was),
		cmocka_unit_test(a_mapping_without_code_of_a_file_has_no_bias),
		cmocka_unit_test(the_bias_of_the_vdso_is_where_it_was_mapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
