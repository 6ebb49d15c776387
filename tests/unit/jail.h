/* SPDX-License-Identifier: Apache-2.0 */
/* A child process whose root is another directory. */
#ifndef EXOPROF_TEST_JAIL_H
#define EXOPROF_TEST_JAIL_H

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Its root is `dir` when this returns. It does nothing until it is killed. */
static inline pid_t jail__start(const char *dir)
{
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe(ready))
		abort();
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* In a user namespace of its own anybody may. */
		if ((geteuid() && unshare(CLONE_NEWUSER)) || chroot(dir) || chdir("/") ||
		    write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (pid < 0 || read(ready[0], &byte, 1) != 1)
		abort();
	close(ready[0]);
	return pid;
}

static inline void jail__end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

#endif
