// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "top/facts.h"

static pid_t start_child(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	while (!pid)
		;
	return pid;
}

static void a_process_has_an_age_threads_and_cpu_time(void **state)
{
	pid_t pid = start_child();
	struct process *process = process__open(pid);
	struct facts facts = {};

	(void)state;
	assert_non_null(process);
	facts__look(&facts, process);
	assert_true(facts.is_alive);
	assert_int_equal(facts.pid, pid);
	assert_in_range(facts.age_s, 0, 60);
	assert_int_equal(facts.threads, 1);
	/* There is nothing yet that it could be a share of. */
	assert_true(facts.cpu_share < 0);
	usleep(500000);
	facts__look(&facts, process);
	/* All of a CPU, if there is one free. */
	assert_true(facts.cpu_share > 0.02 && facts.cpu_share < 1.1);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	facts__look(&facts, process);
	assert_false(facts.is_alive);
	assert_int_equal(facts.threads, 1);
	process__close(process);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_has_an_age_threads_and_cpu_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
