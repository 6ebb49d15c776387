/* SPDX-License-Identifier: Apache-2.0 */
/* Starts a program and stops it where its memory looks as one wants it, by ptrace, from system call
 * to system call. All calls come from one thread, as ptrace demands. If that thread dies, the
 * program goes on. */
#ifndef EXOPROF_LAUNCH_H
#define EXOPROF_LAUNCH_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

/* What the launching process has changed of itself, as it was. */
struct launch_inherited {
	sigset_t mask;
	struct rlimit descriptors; /* RLIMIT_NOFILE */
};

/* Forks, restores what is to be inherited, executes the command (looked up in PATH) and stops it at
 * its first instruction. Its pid, or -errno where it cannot be executed. */
pid_t launch__start(char **command, const struct launch_inherited *inherited);

/* Whether to stop here. `pc` is where the program makes a system call, or has just made one. */
typedef bool launch_condition(void *context, uint64_t pc);

/* Lets it run until the condition holds. 0; -ECHILD if it ended before, with its wait status. */
int launch__run_until(pid_t pid, launch_condition *condition, void *context, int *status);

/* Where it stands. 0 or -errno. */
int launch__pc(pid_t pid, uint64_t *pc);

/* Lets it go for good. */
void launch__release(pid_t pid);

#endif
