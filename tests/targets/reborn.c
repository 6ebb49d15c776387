/* SPDX-License-Identifier: Apache-2.0 */
/* Executes a command in a child whose pid is the one that is asked for: one that was another
 * process's until now. Ends with the child, and the child with it, and both with its parent. Usage:
 * reborn PID COMMAND [ARGUMENT...] */
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	pid_t wanted = argc > 2 ? atoi(argv[1]) : 0;
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)&wanted,
		.set_tid_size = 1,
	};
	long pid;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pid = wanted ? syscall(SYS_clone3, &args, sizeof(args)) : -1;

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execv(argv[2], argv + 2);
		_exit(127);
	}
	if (pid != wanted) {
		perror("reborn");
		return 1;
	}
	return waitpid(wanted, NULL, 0) == wanted ? 0 : 1;
}
