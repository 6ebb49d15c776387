// SPDX-License-Identifier: Apache-2.0
/* Names that a request may take the server to have. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "serve/host.h"

static void assert_ours(const char *authority, bool expected)
{
	static const char *const names[] = {"profiler", "Host-1.Example"};
	size_t length = strlen(authority);
	/* Of exactly that size, so that a byte too far is found. */
	char *copy = malloc(length ?: 1);

	memcpy(copy, authority, length);
	if (host__is_ours(copy, length, names, 2) != expected)
		fail_msg("'%s' should%s be ours", authority, expected ? "" : " not");
	free(copy);
}

static void addresses_are_ours_whichever(void **state)
{
	(void)state;
	assert_ours("127.0.0.1", true);
	assert_ours("127.0.0.1:6060", true);
	assert_ours("10.1.2.3:1", true);
	assert_ours("[::1]:6060", true);
	assert_ours("[::1]", true);
	assert_ours("[2001:db8::1]", true);
}

static void localhost_is_ours_and_what_is_below_it(void **state)
{
	(void)state;
	assert_ours("localhost", true);
	assert_ours("LocalHost:6060", true);
	assert_ours("localhost.", true);
	assert_ours("exoprof.localhost:6060", true);
	assert_ours("notlocalhost", false);
	assert_ours("localhost.evil.example", false);
}

static void names_are_ours_that_were_given(void **state)
{
	(void)state;
	assert_ours("profiler:6060", true);
	assert_ours("host-1.example.:6060", true);
	assert_ours("host-1.example.evil.example", false);
	assert_ours("profiler2", false);
	assert_ours("x.profiler", false);
}

static void anything_else_is_not(void **state)
{
	(void)state;
	assert_ours("evil.example", false);
	assert_ours("evil.example:6060", false);
	assert_ours("127.0.0.1.evil.example", false);
	assert_ours("1.2.3", false);
	assert_ours("0x7f.1", false);
	assert_ours("127.0.0.1@evil.example", false);
	assert_ours("", false);
	assert_ours(":6060", false);
	assert_ours(".", false);
	assert_ours("[", false);
	assert_ours("[]", false);
	assert_ours("[::1", false);
	assert_ours("[localhost.evil]", false);
}

static void what_is_no_name_by_its_length_is_not(void **state)
{
	char name[400];

	(void)state;
	memset(name, 'a', sizeof(name));
	strcpy(name + sizeof(name) - strlen(".localhost") - 1, ".localhost");
	assert_ours(name, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_ours_whichever),
		cmocka_unit_test(localhost_is_ours_and_what_is_below_it),
		cmocka_unit_test(names_are_ours_that_were_given),
		cmocka_unit_test(anything_else_is_not),
		cmocka_unit_test(what_is_no_name_by_its_length_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
