// SPDX-License-Identifier: Apache-2.0
/* Functions inlined into each other in this program's own DWARF, at lines that it knows. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>

#include "symbol/dwarf_index.h"

static volatile int sink;

enum {
	INNER_START = __LINE__ + 3,
	INNER_LINE = __LINE__ + 5,
};
static inline __attribute__((always_inline)) void inner(int number)
{
	sink = number;
	__asm__ volatile(".globl in_inner\nin_inner: nop");
}

enum { MIDDLE_LINE = __LINE__ + 4 };
static inline __attribute__((always_inline)) void middle(int number)
{
	for (int i = 0; i < sink; i++) {
		inner(number + i);
		sink++;
	}
}

enum {
	OUTER_START = __LINE__ + 3,
	OUTER_LINE = __LINE__ + 5,
};
__attribute__((noinline, noclone, used)) static void outer(int number)
{
	sink++;
	middle(number * 2);
	__asm__ volatile(".globl in_outer\nin_outer: nop");
	sink--;
}

/* A function in a function is in the middle of its tree. */
enum { NESTED_LINE = __LINE__ + 6 };
__attribute__((noinline, noclone, used)) static int around(int number)
{
	__attribute__((noinline, noclone)) int nested(int by)
	{
		__asm__ volatile(".globl in_nested\nin_nested: nop");
		return number + by;
	}

	return nested(sink) + nested(number);
}

extern const char in_inner[], in_outer[], in_nested[];

static struct elf_image *image;
static struct dwarf_index *self;

static int open_self(void **state)
{
	(void)state;
	image = elf_image__open(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
	self = image ? dwarf_index__open(image) : NULL;
	outer(sink);
	return self && around(0) == 0 ? 0 : -1;
}

static int close_self(void **state)
{
	(void)state;
	dwarf_index__close(self);
	elf_image__close(image);
	return 0;
}

static int take_bias(struct dl_phdr_info *info, size_t size, void *context)
{
	(void)size;
	*(uint64_t *)context = info->dlpi_addr;
	return 1; /* the first is the program itself */
}

static uint64_t vaddr_of(const void *pointer)
{
	uint64_t bias = 0;

	dl_iterate_phdr(take_bias, &bias);
	return (uintptr_t)pointer - bias;
}

static void check_line(const struct found_line *line, const char *name, int number)
{
	size_t length = strlen(__FILE__);

	assert_string_equal(line->system_name, name);
	assert_int_equal(line->line, number);
	assert_non_null(line->file);
	/* Where it was compiled comes in front. */
	assert_int_equal(line->file[0], '/');
	assert_true(strlen(line->file) > length);
	assert_string_equal(line->file + strlen(line->file) - length, __FILE__);
}

static void a_chain_is_told_from_the_inside_out(void **state)
{
	struct found found;

	(void)state;
	dwarf_index__find(self, vaddr_of(in_inner), &found);
	assert_int_equal(found.count, 3);
	assert_true(found.tells_inlined);
	check_line(&found.lines[0], "inner", INNER_LINE);
	check_line(&found.lines[1], "middle", MIDDLE_LINE);
	check_line(&found.lines[2], "outer", OUTER_LINE);
	assert_int_equal(found.lines[0].start_line, INNER_START);
	assert_int_equal(found.lines[2].start_line, OUTER_START);
}

static void code_of_the_function_itself_is_in_no_inlined_one(void **state)
{
	struct found found;

	(void)state;
	dwarf_index__find(self, vaddr_of(in_outer), &found);
	assert_int_equal(found.count, 1);
	assert_true(found.tells_inlined);
	check_line(&found.lines[0], "outer", OUTER_LINE + 1);
}

static void a_function_within_a_function_is_found(void **state)
{
	struct found found;

	(void)state;
	dwarf_index__find(self, vaddr_of(in_nested), &found);
	assert_int_equal(found.count, 1);
	check_line(&found.lines[0], "nested", NESTED_LINE - 1);
}

static void what_was_forgotten_is_found_again(void **state)
{
	struct found found;
	size_t bytes;

	(void)state;
	dwarf_index__find(self, vaddr_of(in_inner), &found);
	bytes = dwarf_index__bytes(self);
	dwarf_index__forget(self);
	assert_int_equal(dwarf_index__bytes(self), bytes);
	dwarf_index__find(self, vaddr_of(in_inner), &found);
	assert_int_equal(found.count, 3);
	check_line(&found.lines[2], "outer", OUTER_LINE);
}

static void a_unit_is_indexed_once(void **state)
{
	struct found found;
	size_t indexed;

	(void)state;
	dwarf_index__find(self, vaddr_of(in_inner), &found);
	indexed = dwarf_index__indexed(self);
	assert_true(indexed > 0);
	dwarf_index__find(self, vaddr_of(in_nested), &found);
	assert_int_equal(dwarf_index__indexed(self), indexed);
	dwarf_index__find(self, vaddr_of((const void *)dwarf_index__find), &found);
	assert_int_equal(dwarf_index__indexed(self), indexed + 1);
}

static void what_no_unit_covers_is_not_found(void **state)
{
	static int variable;
	struct found found = {.count = 7};

	(void)state;
	dwarf_index__find(self, 0, &found);
	assert_int_equal(found.count, 0);
	assert_null(found.lines[0].file);
	dwarf_index__find(self, UINT64_MAX, &found);
	assert_int_equal(found.count, 0);
	dwarf_index__find(self, vaddr_of(&variable), &found);
	assert_int_equal(found.count, 0);
}

static void a_file_without_dwarf_has_no_index(void **state)
{
	struct elf_image *stripped =
		elf_image__open(open("tests/fuzz/corpus/symbolize/stripped", O_RDONLY | O_CLOEXEC));

	(void)state;
	assert_non_null(stripped);
	assert_null(dwarf_index__open(stripped));
	assert_int_equal(errno, ENOENT);
	elf_image__close(stripped);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chain_is_told_from_the_inside_out),
		cmocka_unit_test(code_of_the_function_itself_is_in_no_inlined_one),
		cmocka_unit_test(a_function_within_a_function_is_found),
		cmocka_unit_test(what_was_forgotten_is_found_again),
		cmocka_unit_test(a_unit_is_indexed_once),
		cmocka_unit_test(what_no_unit_covers_is_not_found),
		cmocka_unit_test(a_file_without_dwarf_has_no_index),
	};

	return cmocka_run_group_tests(tests, open_self, close_self);
}
