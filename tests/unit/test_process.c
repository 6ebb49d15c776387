// SPDX-License-Identifier: Apache-2.0
/* Opening processes that live, have died, never were, or are none. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target/process.h"

/* A child that does nothing until it is killed; it has taken its name when this returns. */
static pid_t start_child(const char *comm)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (comm)
			prctl(PR_SET_NAME, comm);
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_true(pid > 0);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void assert_refused(pid_t pid, int err)
{
	errno = 0;
	assert_null(process__open(pid));
	assert_int_equal(errno, err);
}

static void a_process_does_not_open_itself(void **state)
{
	(void)state;
	assert_refused(getpid(), EDEADLK);
}

static void a_pid_that_is_gone_is_no_process(void **state)
{
	pid_t pid = start_child(NULL);

	(void)state;
	end_child(pid);
	assert_refused(pid, ESRCH);
}

static void a_pid_that_cannot_be_is_no_process(void **state)
{
	(void)state;
	assert_refused(-1, ESRCH);
	assert_refused(0, ESRCH);
	assert_refused(INT32_MAX, ESRCH);
}

static void who_cannot_be_looked_at_is_not_gone(void **state)
{
	pid_t pid = start_child(NULL);
	struct rlimit before, none = {};

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_refused(pid, EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	end_child(pid);
}

static void a_zombie_is_no_process(void **state)
{
	pid_t pid = start_child(NULL);
	siginfo_t info;

	(void)state;
	kill(pid, SIGKILL);
	assert_int_equal(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
	assert_refused(pid, ESRCH);
	waitpid(pid, NULL, 0);
}

static void *pause_for_ever(void *argument)
{
	for (;;)
		pause();
	return argument;
}

/* Its first thread has ended and taken the view of its memory with it: /proc/PID/maps is empty. The
 * pidfd is not readable yet. */
static void a_process_whose_first_thread_has_ended_is_refused(void **state)
{
	pid_t pid = fork();
	char path[64], stat[512] = "";
	pthread_t thread;

	(void)state;
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (pthread_create(&thread, NULL, pause_for_ever, NULL))
			_exit(1);
		syscall(SYS_exit, 0); /* of this thread alone */
	}
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	for (int i = 0; i < 1000 && !strstr(stat, ") Z "); i++) {
		FILE *in = fopen(path, "r");

		assert_non_null(in);
		assert_non_null(fgets(stat, sizeof(stat), in));
		fclose(in);
		usleep(5000);
	}
	assert_non_null(strstr(stat, ") Z "));
	assert_refused(pid, ESRCH);
	end_child(pid);
}

struct helper {
	int tid_pipe[2], end_pipe[2];
};

static void *report_tid_and_wait(void *argument)
{
	struct helper *helper = argument;
	pid_t tid = syscall(SYS_gettid);
	char byte;

	if (write(helper->tid_pipe[1], &tid, sizeof(tid)) == sizeof(tid) &&
	    read(helper->end_pipe[0], &byte, 1) < 0)
		perror("read");
	return NULL;
}

static void the_id_of_a_thread_is_refused(void **state)
{
	struct helper helper;
	pthread_t thread;
	pid_t tid;

	(void)state;
	assert_int_equal(pipe(helper.tid_pipe), 0);
	assert_int_equal(pipe(helper.end_pipe), 0);
	assert_int_equal(pthread_create(&thread, NULL, report_tid_and_wait, &helper), 0);
	assert_int_equal(read(helper.tid_pipe[0], &tid, sizeof(tid)), sizeof(tid));
	assert_int_not_equal(tid, getpid());
	assert_refused(tid, EINVAL);
	close(helper.end_pipe[1]);
	pthread_join(thread, NULL);
	close(helper.end_pipe[0]);
	close(helper.tid_pipe[0]);
	close(helper.tid_pipe[1]);
}

static void a_kernel_thread_is_refused(void **state)
{
	FILE *in = fopen("/proc/2/comm", "r");
	char comm[32] = "";

	(void)state;
	if (in && !fgets(comm, sizeof(comm), in))
		*comm = '\0';
	if (in)
		fclose(in);
	if (strcmp(comm, "kthreadd\n")) {
		print_message("pid 2 is no kernel thread here: not checked\n");
		return;
	}
	assert_refused(2, ENOTSUP);
}

static void a_live_process_opens(void **state)
{
	pid_t pid = start_child("a-child");
	struct process *process = process__open(pid);
	char comm[PROCESS_COMM_BYTES];
	struct stat st;
	uint64_t device, inode;

	(void)state;
	assert_non_null(process);
	assert_int_equal(process__pid(process), pid);
	process__comm(process, comm);
	assert_string_equal(comm, "a-child");
	assert_true(process__is_alive(process));
	assert_int_equal(stat("/proc/self/exe", &st), 0);
	process__executable(process, &device, &inode);
	assert_int_equal(device, st.st_dev);
	assert_int_equal(inode, st.st_ino);
	process__close(process);
	end_child(pid);
}

static void the_end_of_a_process_shows(void **state)
{
	pid_t pid = start_child(NULL);
	struct process *process = process__open(pid);
	struct pollfd poll_fd = {.events = POLLIN};

	(void)state;
	assert_non_null(process);
	poll_fd.fd = process__pidfd(process);
	assert_int_equal(poll(&poll_fd, 1, 0), 0);
	kill(pid, SIGKILL);
	assert_int_equal(poll(&poll_fd, 1, 10000), 1);
	assert_true(poll_fd.revents & POLLIN);
	assert_false(process__is_alive(process));
	waitpid(pid, NULL, 0);
	assert_false(process__is_alive(process));
	process__close(process);
}

static void the_name_may_hold_parentheses_and_blanks(void **state)
{
	static const char *const names[] = {"a) R 1 (b", ") Z 0 0 0", "((", " ", "x)\ny"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		pid_t pid = start_child(names[i]);
		struct process *process = process__open(pid);
		char comm[PROCESS_COMM_BYTES];

		assert_non_null(process);
		process__comm(process, comm);
		assert_string_equal(comm, names[i]);
		process__close(process);
		end_child(pid);
	}
}

/* The child tells through its output that it runs what it was made to run. */
static void the_command_line_keeps_its_nuls(void **state)
{
	static const char expected[] = "sh\0-c\0echo; read line\0name\0\0two words";
	int in[2], out[2];
	struct process *process;
	char *cmdline;
	size_t size;
	pid_t pid;
	char byte;

	(void)state;
	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	pid = fork();
	if (!pid) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		close(in[1]);
		execl("/bin/sh", "sh", "-c", "echo; read line", "name", "", "two words", NULL);
		_exit(127);
	}
	assert_true(pid > 0);
	assert_int_equal(read(out[0], &byte, 1), 1);
	process = process__open(pid);
	assert_non_null(process);
	cmdline = process__cmdline(process, &size);
	assert_int_equal(size, sizeof(expected));
	assert_memory_equal(cmdline, expected, sizeof(expected));
	free(cmdline);
	process__close(process);
	end_child(pid);
	close(in[0]);
	close(in[1]);
	close(out[0]);
	close(out[1]);
}

static void every_error_has_words(void **state)
{
	static const int errors[] = {ESRCH, ENOTSUP, EDEADLK, EINVAL};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		assert_non_null(strchr(process__open_error(errors[i]), '('));
		assert_string_not_equal(process__open_error(errors[i]), strerror(errors[i]));
	}
	assert_string_equal(process__open_error(EPERM), strerror(EPERM));
}

static void closing_nothing_is_fine(void **state)
{
	(void)state;
	process__close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_does_not_open_itself),
		cmocka_unit_test(a_pid_that_is_gone_is_no_process),
		cmocka_unit_test(a_pid_that_cannot_be_is_no_process),
		cmocka_unit_test(who_cannot_be_looked_at_is_not_gone),
		cmocka_unit_test(a_zombie_is_no_process),
		cmocka_unit_test(a_process_whose_first_thread_has_ended_is_refused),
		cmocka_unit_test(the_id_of_a_thread_is_refused),
		cmocka_unit_test(a_kernel_thread_is_refused),
		cmocka_unit_test(a_live_process_opens),
		cmocka_unit_test(the_end_of_a_process_shows),
		cmocka_unit_test(the_name_may_hold_parentheses_and_blanks),
		cmocka_unit_test(the_command_line_keeps_its_nuls),
		cmocka_unit_test(every_error_has_words),
		cmocka_unit_test(closing_nothing_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
