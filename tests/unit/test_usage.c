// SPDX-License-Identifier: Apache-2.0
/* What a child uses that burns time and holds memory. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "target/usage.h"

#define HELD_BYTES (64 << 20)
#define BURNT_NS   200000000

static int64_t ns_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* Tells when it holds its memory; burns so much when it is told to, and tells when that is done. */
static void be_child(int go, int done)
{
	char *held =
		mmap(NULL, HELD_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int64_t until;
	char c;

	memset(held, 1, HELD_BYTES);
	if (write(done, "x", 1) != 1 || read(go, &c, 1) != 1)
		_exit(1);
	until = ns_of(CLOCK_PROCESS_CPUTIME_ID) + BURNT_NS;
	while (ns_of(CLOCK_PROCESS_CPUTIME_ID) < until)
		;
	if (write(done, "x", 1) != 1)
		_exit(1);
	pause();
	_exit(0);
}

static void a_look_tells_what_was_used_since_the_last(void **state)
{
	int64_t now_ms = ns_of(CLOCK_REALTIME) / 1000000;
	struct usage_meter meter;
	struct process *process;
	struct usage usage;
	int go[2], done[2];
	pid_t child;
	char c;

	(void)state;
	assert_int_equal(pipe(go) | pipe(done), 0);
	child = fork();
	if (!child)
		be_child(go[0], done[1]);
	assert_int_equal(read(done[0], &c, 1), 1);
	process = process__open(child);
	assert_non_null(process);
	usage__begin(&meter, process);
	assert_in_range(meter.started_ms, now_ms - 100, now_ms + 5000);
	assert_int_equal(usage__look(&meter, process, &usage), 0);
	assert_in_range(usage.cpu_ns, 0, BURNT_NS / 2);
	assert_in_range(usage.rss_bytes, HELD_BYTES, 20LL * HELD_BYTES);
	assert_int_equal(usage.threads, 1);
	assert_int_equal(write(go[1], "x", 1), 1);
	assert_int_equal(read(done[0], &c, 1), 1);
	assert_int_equal(usage__look(&meter, process, &usage), 0);
	assert_in_range(usage.cpu_ns, BURNT_NS, 3LL * BURNT_NS / 2);
	assert_int_equal(usage__look(&meter, process, &usage), 0);
	assert_in_range(usage.cpu_ns, 0, BURNT_NS / 2);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_int_equal(usage__look(&meter, process, &usage), -ESRCH);
	process__close(process);
}

/* Without a descriptor for /proc. */
static int look_in_vain(struct usage_meter *meter, const struct process *process)
{
	struct rlimit limit, none;
	struct usage usage;
	int err;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){.rlim_cur = 3, .rlim_max = limit.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	err = usage__look(meter, process, &usage);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	return err;
}

static void what_was_not_seen_is_not_of_the_time_after(void **state)
{
	struct process *process = process__open(getppid());
	struct usage_meter meter;
	struct usage usage;

	(void)state;
	assert_non_null(process);
	usage__begin(&meter, process);
	assert_int_equal(look_in_vain(&meter, process), -EMFILE);
	assert_int_equal(usage__look(&meter, process, &usage), 0);
	assert_int_equal(usage.cpu_ns, -1);
	assert_int_equal(usage.threads > 0, 1);
	assert_int_equal(usage__look(&meter, process, &usage), 0);
	assert_true(usage.cpu_ns >= 0);
	process__close(process);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_not_seen_is_not_of_the_time_after),
		cmocka_unit_test(a_look_tells_what_was_used_since_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
