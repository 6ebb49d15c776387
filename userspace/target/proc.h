/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc says of a process, by its pid alone: whoever has the process pinned must see to it
 * that the pid is still its own. */
#ifndef EXOPROF_PROC_H
#define EXOPROF_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The kernel cuts a name at 15 bytes. */
#define PROC_COMM_BYTES 16

/* Of /proc/PID/stat (proc(5)). */
struct proc_stat {
	char comm[PROC_COMM_BYTES];
	pid_t parent;
	bool is_kernel_thread;
	bool is_dead; /* a zombie, or nearly gone */
	uint32_t threads;
	uint64_t rss_pages;
	uint64_t cpu_ticks;   /* that it and the children it has waited for had, as the next */
	uint64_t start_ticks; /* since the machine started, of sysconf(_SC_CLK_TCK) */
};

/* 0; -ESRCH: no such process; -EBADMSG, or what the kernel said. */
int proc__stat(pid_t pid, struct proc_stat *stat);

/* MAX_PID_NS_LEVEL in the kernel, and the outermost. */
#define PROC_LEVELS_MAX 33

/* A process's pids, from our namespace to its innermost. */
struct proc_pids {
	pid_t levels[PROC_LEVELS_MAX];
	int count;
};

/* By NSpid in /proc/PID/status. 0 or -errno, as above. */
int proc__pids(pid_t pid, struct proc_pids *pids);

/* Whether systemd has put it into this unit, by its control group: a service with or without the
 * ending .service, of the system's manager (not of a user's). */
bool proc__is_of_unit(pid_t pid, const char *unit);

#endif
