// SPDX-License-Identifier: Apache-2.0
/* The vDSO's copy: an ELF file like any other, with the functions it exports and rows to unwind by.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/auxv.h>

#include "function_offset.h"
#include "target/vdso.h"
#include "unwind/cfi.h"

static void the_copy_is_the_image_that_is_mapped(void **state)
{
	struct elf_file *file = vdso__open();
	unsigned char bytes[4096];

	(void)state;
	assert_non_null(file);
	assert_int_equal(elf_file__read(file, 0, bytes, sizeof(bytes)), sizeof(bytes));
	assert_memory_equal(bytes, (void *)getauxval(AT_SYSINFO_EHDR), sizeof(bytes));
	assert_string_equal(elf_file__name(file), "[vdso]");
	elf_file__put(file);
}

static void its_functions_are_found_and_have_rows(void **state)
{
	struct elf_file *file = vdso__open();
	struct cfi_table *table = cfi_table__open(elf_file__fd(file));
	uint64_t offset, vaddr;

	(void)state;
	assert_non_null(table);
	assert_int_equal(function_offset(file, "__vdso_clock_gettime", &offset), 0);
	assert_true(elf_file__code_vaddr(file, offset, &vaddr));
	assert_int_equal(cfi_table__rule(table, vaddr)->cfa, WIRE_CFA_REGISTER);
	cfi_table__close(table);
	elf_file__put(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_copy_is_the_image_that_is_mapped),
		cmocka_unit_test(its_functions_are_found_and_have_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
