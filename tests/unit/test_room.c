// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "inline/room.h"

#define MIB        (1ULL << 20)
#define GIB        (1ULL << 30)
#define COUNT(...) (sizeof(__VA_ARGS__) / sizeof(*(__VA_ARGS__)))

static void assert_free(const struct room_range *used, size_t count, uint64_t address,
			uint64_t size)
{
	for (size_t i = 0; i < count; i++)
		assert_true(address + size <= used[i].start || address >= used[i].end);
}

/* A GiB, for what the program maps next. */
static void far_below_a_library(void **state)
{
	/* A program, its heap, and libraries as far as can be above. */
	static const struct room_range used[] = {
		{0x555555554000, 0x555555560000},
		{0x555555560000, 0x555555581000},
		{0x7ffff7d80000, 0x7ffff7f60000},
		{0x7ffff7f70000, 0x7ffff7fff000},
	};
	static const struct room_range code = {0x7ffff7da0000, 0x7ffff7ee0000};
	uint64_t found = room__find(used, COUNT(used), &code, 2 * MIB);

	(void)state;
	assert_int_equal(found, 0x7ffff7d80000 - 3 * MIB - GIB);
}

/* The heap of brk(2) grows from behind the code. */
static void below_a_program_rather_than_in_its_heap(void **state)
{
	static const struct room_range used[] = {
		{0x555555554000, 0x555555560000},
		{0x7ffff7d80000, 0x7ffff7f60000},
	};
	static const struct room_range code = {0x555555555000, 0x555555558123};

	(void)state;
	assert_int_equal(room__find(used, COUNT(used), &code, MIB), 0x555555554000 - 2 * MIB - GIB);
}

/* A static program at 4 MiB has too little below. */
static void above_where_there_is_none_below(void **state)
{
	static const struct room_range used[] = {
		{4 * MIB,        6 * MIB       },
		{40 * MIB,       90 * MIB      },
		{0x7ffff7d80000, 0x7ffff7f60000},
	};
	static const struct room_range code = {4 * MIB + 4096, 5 * MIB};
	uint64_t found = room__find(used, COUNT(used), &code, 16 * MIB);

	(void)state;
	assert_free(used, COUNT(used), found, 16 * MIB);
	assert_true(found > GIB);
	assert_true(found + 16 * MIB <= 2 * GIB + 4 * MIB);
	assert_int_equal(found % 4096, 0);
}

static void between_mappings(void **state)
{
	static const struct room_range used[] = {
		{0x7f0000000000, 0x7f0040000000},
		{0x7f0040800000, 0x7f00c0000000},
	};
	static const struct room_range code = {0x7f0041000000, 0x7f0041001000};

	(void)state;
	assert_int_equal(room__find(used, COUNT(used), &code, 6 * MIB), 0x7f0040100000);
	/* It does not fit there: below all of it. */
	assert_int_equal(room__find(used, COUNT(used), &code, 7 * MIB),
			 0x7f0041001000 - (2 * GIB - 4096));
}

static void nowhere(void **state)
{
	/* 2 GiB on both sides are taken. */
	static const struct room_range used[] = {
		{0x7f0000000000, 0x7f0200000000}
        };
	static const struct room_range code = {0x7f0100000000, 0x7f0100001000};

	(void)state;
	assert_int_equal(room__find(used, COUNT(used), &code, 4096), 0);
	assert_int_equal(room__find(used, 0, &code, 4096), 0);
	assert_int_equal(room__find(used, COUNT(used), &code, 1ULL << 40), 0);
}

static void nonsense(void **state)
{
	static const struct room_range used[] = {
		{UINT64_MAX - 4095, UINT64_MAX},
                {0,                 4096      }
        };
	static const struct room_range high = {UINT64_MAX - 4095, UINT64_MAX}, back = {8192, 4096};

	(void)state;
	assert_int_equal(room__find(used, COUNT(used), &high, 4096), 0);
	assert_int_equal(room__find(used, COUNT(used), &back, 4096), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(far_below_a_library),
		cmocka_unit_test(below_a_program_rather_than_in_its_heap),
		cmocka_unit_test(above_where_there_is_none_below),
		cmocka_unit_test(between_mappings),
		cmocka_unit_test(nowhere),
		cmocka_unit_test(nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
