// SPDX-License-Identifier: Apache-2.0
/* What a process can still ask for. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target/headroom.h"

#define GIB (1ULL << 30)

static struct headroom unlimited(void)
{
	return (struct headroom){
		.address_limit = UINT64_MAX,
		.data_limit = UINT64_MAX,
		.address_bytes = 5 * GIB,
		.data_bytes = 3 * GIB,
		.total_bytes = 16 * GIB,
		.commit_limit = 8 * GIB,
		.committed_bytes = 6 * GIB,
	};
}

static void without_limits_it_is_what_the_machine_has(void **state)
{
	struct headroom headroom = unlimited();

	(void)state;
	assert_int_equal(headroom__least(&headroom), 16 * GIB);
	headroom.overcommit = 1;
	assert_int_equal(headroom__least(&headroom), 16 * GIB);
}

static void a_limit_leaves_what_is_not_used_of_it(void **state)
{
	struct headroom headroom = unlimited();

	(void)state;
	headroom.address_limit = 7 * GIB;
	assert_int_equal(headroom__least(&headroom), 2 * GIB);
	headroom.data_limit = 4 * GIB;
	assert_int_equal(headroom__least(&headroom), GIB);
	headroom.data_limit = 3 * GIB;
	assert_int_equal(headroom__least(&headroom), 0);
	/* It may have been lowered below what is in use. */
	headroom.data_limit = 2 * GIB;
	assert_int_equal(headroom__least(&headroom), 0);
}

static void where_memory_is_not_overcommitted_the_commit_limit_counts(void **state)
{
	struct headroom headroom = unlimited();

	(void)state;
	headroom.overcommit = 2;
	assert_int_equal(headroom__least(&headroom), 2 * GIB);
	headroom.address_limit = 6 * GIB;
	assert_int_equal(headroom__least(&headroom), GIB);
	headroom.committed_bytes = 9 * GIB;
	assert_int_equal(headroom__least(&headroom), 0);
}

static struct headroom read_text(const char *text, void (*read)(struct headroom *, FILE *))
{
	struct headroom headroom = {.address_limit = 1, .data_limit = 2};
	FILE *in = fmemopen((void *)text, strlen(text), "r");

	read(&headroom, in);
	fclose(in);
	return headroom;
}

static void limits_are_the_soft_ones(void **state)
{
	struct headroom headroom = read_text(
		"Limit                     Soft Limit           Hard Limit           Units     \n"
		"Max cpu time              unlimited            unlimited            seconds   \n"
		"Max data size             unlimited            unlimited            bytes     \n"
		"Max address space         1073741824           unlimited            bytes     \n",
		headroom__read_limits);

	(void)state;
	assert_int_equal(headroom.address_limit, GIB);
	assert_int_equal(headroom.data_limit, UINT64_MAX);
}

static void sizes_are_in_kib(void **state)
{
	struct headroom headroom =
		read_text("Name:\tVmSize: 9\nVmPeak:\t  900 kB\nVmSize:\t     100 kB\n"
			  "VmData:\t      40 kB\n",
			  headroom__read_status);

	(void)state;
	assert_int_equal(headroom.address_bytes, 100 << 10);
	assert_int_equal(headroom.data_bytes, 40 << 10);
	headroom = read_text("MemTotal:       24684092 kB\nMemFree: 1 kB\nSwapTotal:      1024 kB\n"
			     "CommitLimit:    12342044 kB\nCommitted_AS:     107544 kB\n",
			     headroom__read_meminfo);
	assert_int_equal(headroom.total_bytes, (24684092ULL + 1024) << 10);
	assert_int_equal(headroom.commit_limit, 12342044ULL << 10);
	assert_int_equal(headroom.committed_bytes, 107544ULL << 10);
}

static void a_real_process_limit_is_seen(void **state)
{
	struct rlimit limit = {.rlim_cur = 1ULL << 50, .rlim_max = RLIM_INFINITY};
	uint64_t before, after;
	int ready[2];
	char byte;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		/* Far beyond what a sanitizer maps, so that only the machine's memory counts. */
		setrlimit(RLIMIT_AS, &limit);
		byte = write(ready[1], "", 1);
		pause();
		/* A signal: none left to ask for. */
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	before = headroom__bytes(pid);
	limit.rlim_cur = 4096;
	assert_int_equal(prlimit(pid, RLIMIT_AS, &limit, NULL), 0);
	after = headroom__bytes(pid);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(ready[0]);
	close(ready[1]);
	assert_true(before >= 64 << 20);
	assert_int_equal(after, 0);
	assert_int_equal(headroom__bytes(pid), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_limits_it_is_what_the_machine_has),
		cmocka_unit_test(a_limit_leaves_what_is_not_used_of_it),
		cmocka_unit_test(where_memory_is_not_overcommitted_the_commit_limit_counts),
		cmocka_unit_test(limits_are_the_soft_ones),
		cmocka_unit_test(sizes_are_in_kib),
		cmocka_unit_test(a_real_process_limit_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
