// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "inline/consent.h"

#define STATUS(tracer, seccomp, features)                                             \
	"Name:\tredis-server\nTgid:\t812\nTracerPid:\t" tracer "\nUid:\t0\t0\t0\t0\n" \
	"NoNewPrivs:\t0\nSeccomp:\t" seccomp "\nSeccomp_filters:\t" seccomp           \
	"\nx86_Thread_features:\t" features "\nx86_Thread_features_locked:\tshstk wrss\n"

static void a_plain_process_may(void **state)
{
	(void)state;
	assert_null(consent__refusal_in(STATUS("0", "0", "")));
	/* Locked features may be off. */
	assert_null(consent__refusal_in(STATUS("0", "0", "wrss")));
	/* Older kernels tell less. */
	assert_null(consent__refusal_in("Name:\tx\nTgid:\t1\nTracerPid:\t0\n"));
}

static void who_may_not(void **state)
{
	(void)state;
	assert_string_equal(consent__refusal_in(STATUS("77", "0", "")),
			    "another process traces it");
	assert_string_equal(consent__refusal_in(STATUS("0", "2", "")), "it has a seccomp filter");
	assert_string_equal(consent__refusal_in(STATUS("0", "1", "")), "it has a seccomp filter");
	assert_string_equal(consent__refusal_in(STATUS("0", "0", "shstk wrss")),
			    "it has a shadow stack");
}

/* A process chooses its name. */
static void a_name_is_no_key(void **state)
{
	(void)state;
	assert_null(consent__refusal_in("Name:\tTracerPid:\t5\nTracerPid:\t0\nSeccomp:\t0\n"));
}

static void one_that_is_gone(void **state)
{
	(void)state;
	assert_string_equal(consent__refusal(0x7ffffff0), "its status cannot be read");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_process_may),
		cmocka_unit_test(who_may_not),
		cmocka_unit_test(a_name_is_no_key),
		cmocka_unit_test(one_that_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
