// SPDX-License-Identifier: Apache-2.0
#include "target/proc.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* include/linux/sched.h */
#define PF_KTHREAD 0x00200000

static FILE *open_proc(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return fopen(path, "re");
}

static int open_error(void)
{
	return errno == ENOENT ? -ESRCH : -errno;
}

/* "pid (comm) state ppid pgrp session tty_nr tpgid flags ..., num_threads being field 20,
 * starttime 22 and rss 24. comm may hold anything, a ')' too, so the fields start after the last
 * one. */
static int parse_stat(char *text, struct proc_stat *stat)
{
	char *open = strchr(text, '('), *close = strrchr(text, ')'), state;
	unsigned int flags;
	uint64_t ticks[4];

	if (!open || !close || close < open ||
	    sscanf(close + 1,
		   " %c %d %*d %*d %*d %*d %u %*u %*u %*u %*u %" SCNu64 " %" SCNu64 " %" SCNu64
		   " %" SCNu64 " %*d %*d %u %*d %" SCNu64 " %*u %" SCNu64,
		   &state, &stat->parent, &flags, &ticks[0], &ticks[1], &ticks[2], &ticks[3],
		   &stat->threads, &stat->start_ticks, &stat->rss_pages) != 10)
		return -EBADMSG;
	stat->cpu_ticks = ticks[0] + ticks[1] + ticks[2] + ticks[3];
	*close = '\0';
	snprintf(stat->comm, sizeof(stat->comm), "%s", open + 1);
	stat->is_kernel_thread = flags & PF_KTHREAD;
	stat->is_dead = state == 'Z' || state == 'X';
	return 0;
}

int proc__stat(pid_t pid, struct proc_stat *stat)
{
	FILE *in = open_proc(pid, "stat");
	char text[1024];
	size_t length;
	int err;

	if (!in)
		return open_error();
	errno = 0;
	length = fread(text, 1, sizeof(text) - 1, in);
	err = ferror(in) ? -errno : 0;
	fclose(in);
	text[length] = '\0';
	return err ? err : parse_stat(text, stat);
}

static void parse_pids(const char *text, struct proc_pids *pids)
{
	char *end;

	while (pids->count < PROC_LEVELS_MAX) {
		pid_t next = strtol(text, &end, 10);

		if (end == text)
			return;
		pids->levels[pids->count++] = next;
		text = end;
	}
}

int proc__pids(pid_t pid, struct proc_pids *pids)
{
	static const char key[] = "NSpid:";
	FILE *in = open_proc(pid, "status");
	char line[1024];

	pids->count = 0;
	if (!in)
		return open_error();
	while (!pids->count && fgets(line, sizeof(line), in)) {
		if (!strncmp(line, key, strlen(key)))
			parse_pids(line + strlen(key), pids);
	}
	fclose(in);
	return pids->count ? 0 : -ESRCH;
}

/* Of "NUMBER:CONTROLLERS:PATH": systemd's own hierarchy. Version 2's number is 0 and it has no
 * controllers there (cgroups(7)); beside version 1 systemd's may be a named one. */
static char *systemd_path(char *line)
{
	char *controllers = strchr(line, ':'), *path;

	if (!strncmp(line, "0::", 3))
		return line + 3;
	path = controllers ? strchr(controllers + 1, ':') : NULL;
	if (!path || strncmp(controllers, ":name=systemd:", path - controllers + 1) != 0)
		return NULL;
	return path + 1;
}

static bool is_unit(const char *folder, const char *unit)
{
	size_t length = strlen(unit);

	return !strncmp(folder, unit, length) &&
	       (!folder[length] || !strcmp(folder + length, ".service"));
}

static bool is_slice(const char *folder)
{
	const char *ending = strrchr(folder, '.');

	return ending && !strcmp(ending, ".slice");
}

/* Slices hold units. What is below the first one that is none is what that unit has made: a user's
 * manager gives units any names. */
static bool leads_to(char *path, const char *unit)
{
	char *rest = NULL, *folder = strtok_r(path, "/\n", &rest);

	while (folder && is_slice(folder))
		folder = strtok_r(NULL, "/\n", &rest);
	return folder && is_unit(folder, unit);
}

bool proc__is_of_unit(pid_t pid, const char *unit)
{
	FILE *in = open_proc(pid, "cgroup");
	size_t capacity = 0;
	char *line = NULL;
	bool found = false;

	while (in && !found && getline(&line, &capacity, in) > 0) {
		char *path = systemd_path(line);

		found = path && leads_to(path, unit);
	}
	free(line);
	if (in)
		fclose(in);
	return found;
}
