// SPDX-License-Identifier: Apache-2.0
/* Names in this program's own file, and in files that are none. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symbol/module.h"

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

/* It leads nowhere, and outlives all modules. */
static struct debug_files *debug_files;

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

static struct module *open_self(void)
{
	struct elf_file *file =
		elf_file__open(open("/proc/self/exe", O_RDONLY | O_CLOEXEC), "/proc/self/exe");
	struct module *module;

	assert_non_null(file);
	module = module__open(file, debug_files);
	elf_file__put(file);
	assert_non_null(module);
	return module;
}

static struct module *open_bytes(const void *bytes, size_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	struct elf_file *file;
	struct module *module;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	file = elf_file__open(fd, "made up");
	module = module__open(file, debug_files);
	elf_file__put(file);
	assert_non_null(module);
	return module;
}

static void a_static_function_has_a_name(void **state)
{
	struct module *module = open_self();

	(void)state;
	assert_string_equal(module__function(module, vaddr_of((const void *)a_static_function)),
			    "a_static_function");
	assert_string_equal(module__function(module, vaddr_of((const void *)vaddr_of) + 1),
			    "vaddr_of");
	module__close(module);
}

static void a_global_function_has_a_name(void **state)
{
	struct module *module = open_self();

	(void)state;
	assert_string_equal(module__function(module, vaddr_of((const void *)module__function)),
			    "module__function");
	module__close(module);
}

static void an_address_behind_a_functions_end_is_not_claimed(void **state)
{
	struct module *module = open_self();
	uint64_t start = vaddr_of(eight_nops);

	(void)state;
	assert_string_equal(module__function(module, start), "eight_nops");
	assert_string_equal(module__function(module, start + 7), "eight_nops");
	assert_null(module__function(module, start + 8));
	assert_null(module__function(module, start + 15));
	module__close(module);
}

static void what_is_no_code_has_no_name(void **state)
{
	static int variable;
	struct module *module = open_self();

	(void)state;
	assert_null(module__function(module, 0));
	assert_null(module__function(module, UINT64_MAX));
	assert_null(module__function(module, vaddr_of(&variable)));
	module__close(module);
}

static void the_file_is_held_while_the_module_is(void **state)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct elf_file *file = elf_file__open(fd, "self");
	struct module *module = module__open(file, debug_files);

	(void)state;
	elf_file__put(file);
	assert_true(fcntl(fd, F_GETFD) >= 0);
	module__close(module);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	module__close(NULL);
}

static void assert_nameless(struct module *module)
{
	assert_null(module__function(module, 0));
	assert_null(module__function(module, 0x1000));
	assert_null(module__function(module, vaddr_of((const void *)a_static_function)));
	module__close(module);
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

		module__function(module, vaddr_of((const void *)a_static_function));
		module__close(module);
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
		cmocka_unit_test(the_file_is_held_while_the_module_is),
		cmocka_unit_test(a_file_that_is_not_elf_has_no_names),
		cmocka_unit_test(garbage_behind_the_magic_is_harmless),
		cmocka_unit_test(a_file_cut_short_does_no_harm),
	};

	return cmocka_run_group_tests(tests, open_debug_files, close_debug_files);
}
