// SPDX-License-Identifier: Apache-2.0
/* Names in this program's own file, and in files that are none. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symbol/module.h"
#include "lead.h"
#include "own_vaddr.h"

__attribute__((noinline, used)) static int a_static_function(int number)
{
	return number * number + 1;
}

/* Of known length: a nop, 8 times, and no code behind it that belongs to anything. */
__asm__(".text\n"
	".globl eight_nops\n"
	".type eight_nops, @function\n"
	"eight_nops:\n"
	"	.fill 8, 1, 0x90\n"
	".size eight_nops, 8\n"
	"	.fill 8, 1, 0xcc\n");
extern const char eight_nops[];

/* As hand-written assembly often is: a function without a size, one without a name, and a stub's
 * call. */
__asm__(".text\n"
	".globl without_size\n"
	"without_size:\n"
	"	.cfi_startproc\n"
	"	.fill 8, 1, 0x90\n"
	"	.cfi_endproc\n"
	".globl within_nameless\n"
	"	.cfi_startproc\n"
	"	.fill 4, 1, 0x90\n"
	"within_nameless:\n"
	"	.fill 4, 1, 0x90\n"
	"	.cfi_endproc\n"
	".globl calls_getppid\n"
	"calls_getppid:\n"
	"	call getppid@PLT\n"
	"	.fill 8, 1, 0xcc\n");
/* Behind a function of this file, whose last line goes on. */
__attribute__((no_reorder, noinline, used)) static int before_assembly(int number)
{
	return number + 2;
}
__asm__(".text\n"
	".globl behind_it\n"
	".type behind_it, @function\n"
	"behind_it: .fill 8, 1, 0x90\n"
	".size behind_it, 8\n");
extern const char behind_it[];
extern const char without_size[], within_nameless[], calls_getppid[];

/* It leads nowhere, and outlives all modules. */
static struct debug_files *debug_files;

static int open_debug_files(void **state)
{
	(void)state;
	debug_files = debug_files__new(NULL);
	return debug_files ? 0 : -1;
}

static int close_debug_files(void **state)
{
	(void)state;
	debug_files__free(debug_files);
	return 0;
}

/* Of the module that is open. */
static struct lead lead;

static struct module *open_fd(int fd)
{
	struct module *module;

	assert_true(fd >= 0);
	lead__init(&lead, fd, "a file", NULL, debug_files);
	module = module__open(fd, &lead.opener);
	assert_non_null(module);
	return module;
}

static void close_module(struct module *module)
{
	module__close(module);
	lead__release(&lead);
}

static struct module *open_self(void)
{
	return open_fd(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
}

static struct module *open_bytes(const void *bytes, size_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	return open_fd(fd);
}

/* The name of the function itself, behind those that were inlined into it. */
static const char *function_of(struct module *module, uint64_t vaddr)
{
	const struct found *found = module__find(module, vaddr);

	return found->count ? found->lines[found->count - 1].system_name : NULL;
}

static void a_static_function_has_a_name(void **state)
{
	struct module *module = open_self();

	(void)state;
	assert_string_equal(function_of(module, vaddr_of((const void *)a_static_function)),
			    "a_static_function");
	assert_string_equal(function_of(module, vaddr_of((const void *)vaddr_of) + 1), "vaddr_of");
	close_module(module);
}

static void a_global_function_has_a_name(void **state)
{
	struct module *module = open_self();

	(void)state;
	assert_string_equal(function_of(module, vaddr_of((const void *)module__find)),
			    "module__find");
	close_module(module);
}

static void an_address_behind_a_functions_end_is_not_claimed(void **state)
{
	struct module *module = open_self();
	uint64_t start = vaddr_of(eight_nops);

	(void)state;
	assert_string_equal(function_of(module, start), "eight_nops");
	assert_string_equal(function_of(module, start + 7), "eight_nops");
	assert_null(function_of(module, start + 8));
	assert_null(function_of(module, start + 15));
	close_module(module);
}

static void what_is_no_code_has_no_name(void **state)
{
	static int variable;
	struct module *module = open_self();

	(void)state;
	assert_null(function_of(module, 0));
	assert_null(function_of(module, UINT64_MAX));
	assert_null(function_of(module, vaddr_of(&variable)));
	close_module(module);
}

static void a_symbol_without_size_has_the_bytes_of_the_function_that_begins_there(void **state)
{
	struct module *module = open_self();
	uint64_t start = vaddr_of(without_size);

	(void)state;
	assert_string_equal(function_of(module, start), "without_size");
	assert_string_equal(function_of(module, start + 7), "without_size");
	assert_null(function_of(module, start + 8));
	assert_null(function_of(module, vaddr_of(within_nameless)));
	assert_null(function_of(module, vaddr_of(calls_getppid)));
	close_module(module);
}

static void what_has_no_name_begins_where_its_unwind_information_does(void **state)
{
	struct module *module = open_self();
	uint64_t vaddr = vaddr_of(within_nameless);

	(void)state;
	assert_int_equal(module__find(module, vaddr)->function_vaddr, vaddr - 4);
	assert_int_equal(module__find(module, vaddr + 3)->function_vaddr, vaddr - 4);
	/* Neither a name nor unwind information. */
	vaddr = vaddr_of(calls_getppid) + 6;
	assert_int_equal(module__find(module, vaddr)->function_vaddr, vaddr);
	close_module(module);
}

static void assembly_is_not_at_the_line_of_the_code_before_it(void **state)
{
	struct module *module = open_self();
	const struct found *found = module__find(module, vaddr_of(behind_it) + 4);

	(void)state;
	assert_int_equal(found->count, 1);
	assert_null(found->lines[0].file);
	assert_int_equal(found->lines[0].line, 0);
	close_module(module);
}

/* The stub is where the call instruction leads to. */
static void a_stub_has_the_name_of_what_it_calls(void **state)
{
	struct module *module = open_self();
	const struct found *found;
	int32_t distance;
	uint64_t stub;

	(void)state;
	memcpy(&distance, calls_getppid + 1, sizeof(distance));
	stub = vaddr_of(calls_getppid) + 5 + distance;
	found = module__find(module, stub);
	assert_int_equal(found->count, 1);
	assert_string_equal(found->lines[0].system_name, "getppid@plt");
	assert_int_equal(found->function_vaddr, stub);
	assert_string_equal(function_of(module, stub + 5), "getppid@plt");
	close_module(module);
}

static bool has_function(const char *path, const char *name)
{
	struct module *module = open_fd(open(path, O_RDONLY | O_CLOEXEC));
	bool found = false;

	for (uint64_t vaddr = 0; vaddr < 4096 && !found; vaddr++) {
		const char *function = function_of(module, vaddr);

		found = function && !strcmp(function, name);
	}
	close_module(module);
	return found;
}

#define SEEDS "tests/fuzz/corpus/symbolize/"

static void symbols_may_be_in_an_xz_stream(void **state)
{
	(void)state;
	assert_false(has_function(SEEDS "stripped", "local_one"));
	assert_true(has_function(SEEDS "minidebuginfo", "local_one"));
	/* What the stream leaves out is in the dynamic symbol table. */
	assert_true(has_function(SEEDS "minidebuginfo", "outer"));
}

static void the_file_is_not_needed_once_it_is_open(void **state)
{
	struct module *module = open_self();
	uint64_t vaddr = vaddr_of((const void *)a_static_function);

	(void)state;
	lead__release(&lead);
	assert_string_equal(function_of(module, vaddr), "a_static_function");
	module__close(module);
	module__close(NULL);
}

static void assert_nameless(struct module *module)
{
	assert_null(function_of(module, 0));
	assert_null(function_of(module, 0x1000));
	assert_null(function_of(module, vaddr_of((const void *)a_static_function)));
	close_module(module);
}

static void a_file_that_is_not_elf_has_no_names(void **state)
{
	(void)state;
	assert_nameless(open_bytes("", 0));
	assert_nameless(open_bytes("hello, world\n", 13));
	assert_nameless(open_bytes("\177ELF\2\1\1", 7));
}

static void garbage_behind_the_magic_is_harmless(void **state)
{
	unsigned char bytes[4096];
	uint64_t seed = 1;

	(void)state;
	for (int round = 0; round < 50; round++) {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (seed = seed * 6364136223846793005 + 1) >> 56;
		memcpy(bytes, "\177ELF\2\1\1", 7);
		assert_nameless(open_bytes(bytes, sizeof(bytes)));
	}
}

/* This program cut short anywhere: names, or none, but no harm. */
static void a_file_cut_short_does_no_harm(void **state)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *bytes;

	(void)state;
	assert_int_equal(fstat(fd, &st), 0);
	bytes = malloc(st.st_size);
	assert_int_equal(read(fd, bytes, st.st_size), st.st_size);
	close(fd);
	assert_nameless(open_bytes(bytes, 100));
	for (int part = 1; part < 8; part++) {
		struct module *module = open_bytes(bytes, st.st_size / 8 * part);

		function_of(module, vaddr_of((const void *)a_static_function));
		close_module(module);
	}
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_static_function_has_a_name),
		cmocka_unit_test(a_global_function_has_a_name),
		cmocka_unit_test(an_address_behind_a_functions_end_is_not_claimed),
		cmocka_unit_test(what_is_no_code_has_no_name),
		cmocka_unit_test(
			a_symbol_without_size_has_the_bytes_of_the_function_that_begins_there),
		cmocka_unit_test(what_has_no_name_begins_where_its_unwind_information_does),
		cmocka_unit_test(assembly_is_not_at_the_line_of_the_code_before_it),
		cmocka_unit_test(a_stub_has_the_name_of_what_it_calls),
		cmocka_unit_test(symbols_may_be_in_an_xz_stream),
		cmocka_unit_test(the_file_is_not_needed_once_it_is_open),
		cmocka_unit_test(a_file_that_is_not_elf_has_no_names),
		cmocka_unit_test(garbage_behind_the_magic_is_harmless),
		cmocka_unit_test(a_file_cut_short_does_no_harm),
	};

	return cmocka_run_group_tests(tests, open_debug_files, close_debug_files);
}
