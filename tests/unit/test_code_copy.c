// SPDX-License-Identifier: Apache-2.0
/* Copies of code, executed: each does what the code itself does. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "inline/code_copy.h"

#define AREA_BYTES 8192
#define COPY_AT    4096

typedef int function(int argument);

static unsigned char *area;

static int make_area(void **state)
{
	(void)state;
	area = mmap(NULL, AREA_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return area == MAP_FAILED ? -1 : 0;
}

static int free_area(void **state)
{
	(void)state;
	return munmap(area, AREA_BYTES);
}

static int copy_code(const void *code, size_t size, uint64_t to, struct code_copy *copy)
{
	memcpy(area, code, size);
	return code_copy__make(copy, area, size, (uintptr_t)area, to);
}

/* The whole function and its copy give the same for 0 and for 1. */
static void assert_same(const void *code, size_t whole, size_t copied)
{
	struct code_copy copy = {.bytes = area + COPY_AT};
	int32_t back;

	memcpy(area, code, whole);
	memset(copy.bytes, 0xcc, CODE_COPY_ROOM(copied) + 5);
	assert_int_equal(
		code_copy__make(&copy, area, copied, (uintptr_t)area, (uintptr_t)copy.bytes), 0);
	assert_in_range(copy.size, copied, CODE_COPY_ROOM(copied));
	/* jmp rel32, behind what was copied */
	copy.bytes[copy.size] = 0xe9;
	back = (area + copied) - (copy.bytes + copy.size + 5);
	memcpy(copy.bytes + copy.size + 1, &back, sizeof(back));
	for (int argument = 0; argument < 2; argument++)
		assert_int_equal(((function *)(void *)copy.bytes)(argument),
				 ((function *)(void *)area)(argument));
}

static void plain_instructions(void **state)
{
	/* push rbx; mov ebx,edi; lea eax,[rbx+7]; pop rbx; ret */
	static const unsigned char code[] = {0x53, 0x89, 0xfb, 0x8d, 0x43, 0x07, 0x5b, 0xc3};

	(void)state;
	assert_same(code, sizeof(code), 1);
	assert_same(code, sizeof(code), 6);
}

static void addresses_relative_to_the_instruction(void **state)
{
	/* add edi,[rip+9] (77); cmp dword [rip+..],0 (before an immediate); lea eax,[rdi+1]; ret */
	static const unsigned char code[] = {0x03, 0x3d, 0x0b, 0x00, 0x00, 0x00, 0x83,
					     0x3d, 0x04, 0x00, 0x00, 0x00, 0x00, 0x8d,
					     0x47, 0x01, 0xc3, 77,   0,    0,    0};

	(void)state;
	assert_same(code, sizeof(code), 6);
	assert_same(code, sizeof(code), 13);
	assert_same(code, sizeof(code), 16);
}

static void short_branches_become_near_ones(void **state)
{
	/* test edi,edi; je +6; mov eax,5; ret; mov eax,9; ret */
	static const unsigned char conditional[] = {0x85, 0xff, 0x74, 0x06, 0xb8, 5, 0, 0,
						    0,    0xc3, 0xb8, 9,    0,    0, 0, 0xc3};
	/* mov eax,3; jmp +1; int3; add eax,edi; ret */
	static const unsigned char jump[] = {0xb8, 3, 0, 0, 0, 0xeb, 0x01, 0xcc, 0x01, 0xf8, 0xc3};

	(void)state;
	assert_same(conditional, sizeof(conditional), 4);
	assert_same(jump, sizeof(jump), 7);
}

static void calls_lead_where_they_did(void **state)
{
	/* call +3; add eax,edi; ret; mov eax,40; ret */
	static const unsigned char code[] = {0xe8, 3,    0,  0, 0, 0x01, 0xf8,
					     0xc3, 0xb8, 40, 0, 0, 0,    0xc3};

	/* lea rax,[rip+5]; call rax; add eax,edi; ret; mov eax,40; ret */
	static const unsigned char indirect[] = {0x48, 0x8d, 0x05, 5,    0,  0, 0, 0xff, 0xd0,
						 0x01, 0xf8, 0xc3, 0xb8, 40, 0, 0, 0,    0xc3};

	(void)state;
	assert_same(code, sizeof(code), 5);
	assert_same(indirect, sizeof(indirect), 9);
}

/* Nor is there, on the stack, where the copied call came back to. */
static void calls_leave_no_trace(void **state)
{
	/* call +6; mov rax,[rsp-8]; ret; ret */
	static const unsigned char code[] = {0xe8, 6, 0, 0, 0, 0x48, 0x8b, 0x44, 0x24, 0xf8, 0xc3};
	struct code_copy copy = {.bytes = area + COPY_AT};
	int32_t back;

	(void)state;
	memcpy(area, code, sizeof(code));
	area[sizeof(code)] = 0xc3;
	assert_int_equal(code_copy__make(&copy, area, 5, (uintptr_t)area, (uintptr_t)copy.bytes),
			 0);
	copy.bytes[copy.size] = 0xe9;
	back = (area + 5) - (copy.bytes + copy.size + 5);
	memcpy(copy.bytes + copy.size + 1, &back, sizeof(back));
	assert_int_equal(((uint64_t(*)(void))(void *)copy.bytes)(), 0);
	assert_ptr_equal((void *)((uint64_t(*)(void))(void *)area)(), area + 5);
}

static void what_cannot_be_copied(void **state)
{
	/* jrcxz +1; loop +1: there is no near form */
	static const unsigned char jrcxz[] = {0xe3, 0x01}, loop[] = {0xe2, 0x01};
	static const unsigned char half[] = {0x48, 0x8b, 0x05}, none[] = {0x06};
	/* jmp rel32; mov eax,[rip+..] */
	static const unsigned char jump[] = {0xe9, 0, 0, 0, 0}, load[] = {0x8b, 0x05, 0, 0, 0, 0};
	struct code_copy copy = {.bytes = area + COPY_AT};
	uint64_t near = (uintptr_t)copy.bytes, far = (uintptr_t)area + (3ULL << 30);

	(void)state;
	assert_int_equal(copy_code(jrcxz, sizeof(jrcxz), near, &copy), -ENOTSUP);
	assert_int_equal(copy_code(loop, sizeof(loop), near, &copy), -ENOTSUP);
	assert_int_equal(copy_code(half, sizeof(half), near, &copy), -ENOTSUP);
	assert_int_equal(copy_code(none, sizeof(none), near, &copy), -ENOTSUP);
	assert_int_equal(copy_code(jump, sizeof(jump), far, &copy), -ERANGE);
	assert_int_equal(copy_code(load, sizeof(load), far, &copy), -ERANGE);
	assert_int_equal(copy_code(jump, sizeof(jump), near, &copy), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_instructions),
		cmocka_unit_test(addresses_relative_to_the_instruction),
		cmocka_unit_test(short_branches_become_near_ones),
		cmocka_unit_test(calls_lead_where_they_did),
		cmocka_unit_test(calls_leave_no_trace),
		cmocka_unit_test(what_cannot_be_copied),
	};

	return cmocka_run_group_tests(tests, make_area, free_area);
}
