// SPDX-License-Identifier: Apache-2.0
#include "target/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* PTRACE_O_TRACESYSGOOD marks stops at system calls with this bit (ptrace(2)). */
#define SYSCALL_STOP (SIGTRAP | 0x80)

/* In the child: does not come back. */
static void execute(char **command, const struct launch_inherited *inherited, int error_fd)
{
	int err = 0;

	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		err = errno;
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &inherited->mask, NULL);
	if (!err && setrlimit(RLIMIT_NOFILE, &inherited->descriptors))
		err = errno;
	if (!err) {
		execvp(command[0], command);
		err = errno;
	}
	if (write(error_fd, &err, sizeof(err)) < 0)
		_exit(126);
	_exit(127);
}

/* The child's word, which it has given or not by the time it stops or ends. */
static int started(pid_t pid, int error_fd)
{
	int status, err = 0;
	pid_t got;

	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	if (read(error_fd, &err, sizeof(err)) == sizeof(err)) {
		if (WIFSTOPPED(status)) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
		}
		return -err;
	}
	if (!WIFSTOPPED(status))
		return -ECHILD;
	if (ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD))
		return -errno;
	return 0;
}

pid_t launch__start(char **command, const struct launch_inherited *inherited)
{
	int fds[2], err;
	pid_t pid;

	/* The write end closes when the execution works, and carries the reason when not. */
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	pid = fork();
	if (!pid)
		execute(command, inherited, fds[1]);
	err = pid < 0 ? -errno : started(pid, fds[0]);
	close(fds[0]);
	close(fds[1]);
	return err ? err : pid;
}

int launch__pc(pid_t pid, uint64_t *pc)
{
	struct user_regs_struct registers;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &registers))
		return -errno;
	*pc = registers.rip;
	return 0;
}

int launch__run_until(pid_t pid, launch_condition *condition, void *context, int *status)
{
	uintptr_t signal = 0;
	uint64_t pc = 0;

	for (;;) {
		if (ptrace(PTRACE_SYSCALL, pid, NULL, signal))
			return -errno;
		while (waitpid(pid, status, 0) < 0) {
			if (errno != EINTR)
				return -errno;
		}
		if (!WIFSTOPPED(*status))
			return -ECHILD;
		signal = 0;
		if (WSTOPSIG(*status) != SYSCALL_STOP)
			signal = WSTOPSIG(*status) == SIGTRAP ? 0 : WSTOPSIG(*status);
		else if (!launch__pc(pid, &pc) && condition(context, pc))
			return 0;
	}
}

void launch__release(pid_t pid)
{
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
}
