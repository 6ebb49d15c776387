// SPDX-License-Identifier: Apache-2.0
/* Which /tmp/perf-PID.map is believed, of a process of our own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "opens.h"
#include "target/jit_file.h"

struct fixture {
	pid_t pid;
	struct process *process;
	char path[64];
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture->pid = fork();
	if (!fixture->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	fixture->process = process__open(fixture->pid);
	snprintf(fixture->path, sizeof(fixture->path), "/tmp/perf-%d.map", fixture->pid);
	unlink(fixture->path);
	*state = fixture;
	return !fixture->process;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	unlink(fixture->path);
	process__close(fixture->process);
	kill(fixture->pid, SIGKILL);
	waitpid(fixture->pid, NULL, 0);
	free(fixture);
	return 0;
}

static struct jit_file *look(const struct fixture *fixture, struct jit_file *previous)
{
	struct patience *patience = patience__new();
	struct jit_file *file;

	assert_non_null(patience);
	patience__begin(patience, 10000);
	file = jit_file__open(fixture->process, previous, patience);
	patience__free(patience);
	return file;
}

static void write_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	close(fd);
}

static void a_file_is_kept_open_while_it_is_the_same(void **state)
{
	struct fixture *fixture = *state;
	struct jit_file *first, *second, *third;

	assert_null(look(fixture, NULL));
	write_file(fixture->path);
	first = look(fixture, NULL);
	assert_non_null(first);
	second = look(fixture, first);
	assert_ptr_equal(first, second);
	jit_file__put(second);
	/* Still open, so that the number of its inode cannot be given out again. */
	unlink(fixture->path);
	write_file(fixture->path);
	third = look(fixture, first);
	assert_non_null(third);
	assert_ptr_not_equal(first, third);
	assert_int_equal(fcntl(jit_file__fd(first), F_GETFD), FD_CLOEXEC);
	jit_file__put(first);
	jit_file__put(third);
	jit_file__put(NULL);
}

static void a_file_from_before_the_process_is_another_ones(void **state)
{
	struct fixture *fixture = *state;
	struct timespec long_ago[2] = {{.tv_sec = 1700000000}, {.tv_sec = 1700000000}};

	write_file(fixture->path);
	assert_int_equal(utimensat(AT_FDCWD, fixture->path, long_ago, 0), 0);
	assert_null(look(fixture, NULL));
}

static void what_is_no_regular_file_is_left_alone(void **state)
{
	struct fixture *fixture = *state;
	char other[80];
	int opens;

	assert_int_equal(mkfifo(fixture->path, 0644), 0);
	opens = opens__watch(fixture->path);
	assert_null(look(fixture, NULL));
	assert_false(opens__happened(opens));
	close(opens);
	unlink(fixture->path);
	snprintf(other, sizeof(other), "%s.other", fixture->path);
	write_file(other);
	assert_int_equal(symlink(other, fixture->path), 0);
	assert_null(look(fixture, NULL));
	unlink(other);
	unlink(fixture->path);
	assert_int_equal(mkdir(fixture->path, 0755), 0);
	assert_null(look(fixture, NULL));
	rmdir(fixture->path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_kept_open_while_it_is_the_same),
		TEST(a_file_from_before_the_process_is_another_ones),
		TEST(what_is_no_regular_file_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
