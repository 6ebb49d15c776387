// SPDX-License-Identifier: Apache-2.0
/* What is asked of the running kernel. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/version.h>

#include "base/kernel.h"

static void the_version_is_one_that_exoprof_runs_on(void **state)
{
	(void)state;
	assert_true(kernel__version() >= KERNEL_VERSION(5, 15, 0));
	assert_int_equal(kernel__version() & 0xff, 0);
}

/* Without root the addresses are hidden. */
static void the_scheduler_has_a_start_and_an_end(void **state)
{
	static const char *const names[2] = {"__sched_text_start", "__sched_text_end"};
	uint64_t addresses[2] = {};
	int err = kernel__find_symbols(names, addresses);

	(void)state;
	assert_true(err == 0 || err == -EPERM);
	if (err)
		return;
	assert_true(addresses[0] < addresses[1]);
	assert_true(addresses[0] >> 63);
}

static void they_may_be_asked_for_in_any_order(void **state)
{
	static const char *const names[2] = {"__sched_text_end", "__sched_text_start"};
	uint64_t addresses[2] = {};
	int err = kernel__find_symbols(names, addresses);

	(void)state;
	if (!err)
		assert_true(addresses[0] > addresses[1]);
}

static void a_name_that_the_kernel_does_not_have_is_not_found(void **state)
{
	static const char *const names[2] = {"__sched_text_start", "no_such_function_in_a_kernel"};
	static const char *const parts[2] = {"__sched_text_start", "__sched_text_e"};
	uint64_t addresses[2];

	(void)state;
	assert_int_equal(kernel__find_symbols(names, addresses), -ENOENT);
	assert_int_equal(kernel__find_symbols(parts, addresses), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_version_is_one_that_exoprof_runs_on),
		cmocka_unit_test(the_scheduler_has_a_start_and_an_end),
		cmocka_unit_test(they_may_be_asked_for_in_any_order),
		cmocka_unit_test(a_name_that_the_kernel_does_not_have_is_not_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
