// SPDX-License-Identifier: Apache-2.0
/* Processes found by the pid that they have in a namespace. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target/find.h"
#include "target/process.h"

/* Two containers; the first has a second process, and a container inside. */
static pid_t container, second, nested, other;

/* As fork(2), in namespaces of its own. */
static pid_t fork_contained(void)
{
	return syscall(SYS_clone, SIGCHLD | CLONE_NEWPID | (geteuid() ? CLONE_NEWUSER : 0), NULL,
		       NULL, NULL, 0);
}

static void wait_to_be_killed(int ready)
{
	if (write(ready, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static pid_t start_container(bool with_children)
{
	int ready[2];
	char bytes[3];
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork_contained();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* Pid 2 and, from out of its own container, 3. */
		if (with_children && (!fork() || !fork_contained()))
			wait_to_be_killed(ready[1]);
		wait_to_be_killed(ready[1]);
	}
	for (int i = 0; i < (with_children ? 3 : 1); i++)
		assert_int_equal(read(ready[0], bytes, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

/* The newest child but `skip`. */
static pid_t child_of(pid_t parent, pid_t skip)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	pid_t child = 0;

	while ((entry = readdir(proc))) {
		pid_t pid = atoi(entry->d_name);

		if (pid > 0 && pid != skip && process__status_number(pid, "\nPPid:") == parent)
			child = pid;
	}
	closedir(proc);
	assert_true(child > 0);
	return child;
}

static bool is_nested(pid_t pid)
{
	char path[64], line[256];
	int pids[4], count = 0;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	in = fopen(path, "re");
	assert_non_null(in);
	while (fgets(line, sizeof(line), in) && count <= 0)
		count = sscanf(line, "NSpid: %d %d %d %d", pids, pids + 1, pids + 2, pids + 3);
	fclose(in);
	return count == 3;
}

static int start(void **state)
{
	char name[32];

	(void)state;
	/* Nobody else's, and inherited. */
	sprintf(name, "t_find_%d", (int)(getpid() % 1000000));
	prctl(PR_SET_NAME, name);
	container = start_container(true);
	other = start_container(false);
	second = child_of(container, 0);
	nested = child_of(container, second);
	if (!is_nested(nested)) {
		pid_t swap = second;

		second = nested;
		nested = swap;
	}
	assert_true(is_nested(nested));
	return 0;
}

/* The others are killed with the first of their namespace. */
static int end(void **state)
{
	(void)state;
	kill(container, SIGKILL);
	kill(other, SIGKILL);
	waitpid(container, NULL, 0);
	waitpid(other, NULL, 0);
	return 0;
}

static void each_container_has_its_own_pid_1(void **state)
{
	(void)state;
	assert_int_equal(find__in_namespace(1, container), container);
	assert_int_equal(find__in_namespace(1, other), other);
	assert_int_equal(find__in_namespace(1, nested), nested);
}

static void any_process_of_a_container_says_which(void **state)
{
	(void)state;
	assert_int_equal(find__in_namespace(1, second), container);
	assert_int_equal(find__in_namespace(2, container), second);
	assert_int_equal(find__in_namespace(2, second), second);
}

static void a_process_of_a_container_inside_has_a_pid_in_this_one(void **state)
{
	(void)state;
	assert_int_equal(find__in_namespace(3, container), nested);
	assert_int_equal(find__in_namespace(2, nested), -ENOENT);
}

static void a_pid_that_the_container_does_not_have_is_none(void **state)
{
	(void)state;
	assert_int_equal(find__in_namespace(4, container), -ENOENT);
	assert_int_equal(find__in_namespace(2, other), -ENOENT);
	assert_int_equal(find__in_namespace(container, container), -ENOENT);
	assert_int_equal(find__in_namespace(0, container), -ENOENT);
	assert_int_equal(find__in_namespace(-1, container), -ENOENT);
}

static void out_here_a_process_is_found_by_its_own_pid(void **state)
{
	(void)state;
	assert_int_equal(find__in_namespace(container, getpid()), container);
	assert_int_equal(find__in_namespace(nested, getpid()), nested);
}

static void the_container_of_no_process_is_none(void **state)
{
	(void)state;
	assert_int_equal(find__in_namespace(1, INT32_MAX), -ESRCH);
	assert_int_equal(find__in_namespace(1, 0), -ESRCH);
	assert_int_equal(find__in_namespace(1, -1), -ESRCH);
}

static void children_and_theirs_are_found(void **state)
{
	struct found found = {};

	(void)state;
	assert_int_equal(find__descendants(container, &found), 0);
	assert_int_equal(found.count, 2);
	assert_int_equal(found.pids[0], second < nested ? second : nested);
	assert_int_equal(found.pids[1], second < nested ? nested : second);
	found__release(&found);
	assert_int_equal(find__descendants(getpid(), &found), 0);
	assert_int_equal(found.count, 4);
	for (size_t i = 1; i < found.count; i++)
		assert_true(found.pids[i - 1] < found.pids[i]);
	found__release(&found);
	assert_int_equal(find__descendants(nested, &found), 0);
	assert_int_equal(found.count, 0);
}

/* They are all called as this program is, which is not one of them itself. */
static void of_those_with_a_name_the_heads_descend_from_no_other(void **state)
{
	struct found found = {};
	char name[32];

	(void)state;
	sprintf(name, "t_find_%d", (int)(getpid() % 1000000));
	assert_int_equal(find__by_name(name, false, &found), 0);
	assert_int_equal(found.count, 4);
	found__release(&found);
	assert_int_equal(find__by_name(name, true, &found), 0);
	assert_int_equal(found.count, 2);
	assert_int_equal(found.pids[0], container < other ? container : other);
	assert_int_equal(found.pids[1], container < other ? other : container);
	found__release(&found);
	assert_int_equal(find__by_name("nobody is called so", true, &found), 0);
	assert_int_equal(found.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_container_has_its_own_pid_1),
		cmocka_unit_test(any_process_of_a_container_says_which),
		cmocka_unit_test(a_process_of_a_container_inside_has_a_pid_in_this_one),
		cmocka_unit_test(a_pid_that_the_container_does_not_have_is_none),
		cmocka_unit_test(out_here_a_process_is_found_by_its_own_pid),
		cmocka_unit_test(the_container_of_no_process_is_none),
		cmocka_unit_test(children_and_theirs_are_found),
		cmocka_unit_test(of_those_with_a_name_the_heads_descend_from_no_other),
	};

	return cmocka_run_group_tests(tests, start, end);
}
