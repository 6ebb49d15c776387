// SPDX-License-Identifier: Apache-2.0
/* Addresses between plus signs. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "serve/addresses.h"

static void assert_addresses(const char *text, size_t expected, uint64_t first, uint64_t last)
{
	size_t length = strlen(text), count;
	char *copy = malloc(length ? length : 1); /* a sanitizer watches the byte behind */
	uint64_t *addresses;

	memcpy(copy, text, length);
	addresses = addresses__read(copy, length, &count);
	assert_non_null(addresses);
	assert_int_equal(count, expected);
	if (count) {
		assert_true(addresses[0] == first);
		assert_true(addresses[count - 1] == last);
	}
	free(addresses);
	free(copy);
}

static void numbers_are_read_as_c_writes_them(void **state)
{
	(void)state;
	assert_addresses("0x4005d0", 1, 0x4005d0, 0x4005d0);
	assert_addresses("0X1F", 1, 31, 31);
	assert_addresses("16", 1, 16, 16);
	assert_addresses("017", 1, 15, 15);
	assert_addresses("0xffffffffffffffff", 1, UINT64_MAX, UINT64_MAX);
}

static void several_stand_between_plus_signs(void **state)
{
	(void)state;
	assert_addresses("0x1+0x2+0x3", 3, 1, 3);
	assert_addresses("+0x1++0x2+", 2, 1, 2);
	assert_addresses("0x2+0x1+0x2", 3, 2, 2);
}

static void what_is_no_address_is_passed_over(void **state)
{
	(void)state;
	assert_addresses("", 0, 0, 0);
	assert_addresses("+", 0, 0, 0);
	assert_addresses("0", 0, 0, 0);
	assert_addresses("0x", 0, 0, 0);
	assert_addresses("-1+ 1+x+1x+0x1 +1\n", 0, 0, 0);
	assert_addresses("zz+0x7+main", 1, 7, 7);
	assert_addresses("0x10000000000000000", 0, 0, 0);
	assert_addresses("0x000000000000000000000000000000000001", 0, 0, 0);
}

static void as_many_as_there_are(void **state)
{
	char text[3001];

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		memcpy(text + 3 * i, "+12", 4);
	assert_addresses(text, 1000, 12, 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_read_as_c_writes_them),
		cmocka_unit_test(several_stand_between_plus_signs),
		cmocka_unit_test(what_is_no_address_is_passed_over),
		cmocka_unit_test(as_many_as_there_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
