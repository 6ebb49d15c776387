// SPDX-License-Identifier: Apache-2.0
#include "target/jit_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "target/proc.h"
#include "target/root.h"

struct jit_file {
	unsigned int refs; /* atomic */
	int fd;
};

/* The pid by which the target knows itself. Its own pid here where the kernel has no namespaces. */
static pid_t innermost_pid(pid_t pid)
{
	struct proc_pids pids;

	return proc__pids(pid, &pids) ? pid : pids.levels[pids.count - 1];
}

/* A symbolic link in a folder where anybody may write could lead to a list of somebody else's. */
static int open_list(pid_t pid)
{
	struct root *root = root__open(pid);
	char path[64];
	int fd;

	if (!root)
		return -errno;
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", innermost_pid(pid));
	fd = root__open_file_itself(root, path);
	root__put(root);
	return fd;
}

/* When the process was started, in seconds since the epoch. 0 where nobody knows. */
static time_t start_time(pid_t pid)
{
	struct timespec now, up;
	struct proc_stat stat;

	if (proc__stat(pid, &stat))
		return 0;
	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &up);
	return now.tv_sec - up.tv_sec + (time_t)(stat.start_ticks / sysconf(_SC_CLK_TCK));
}

/* What the arithmetic of start_time() may be off by. */
#define SLACK_S 2

static bool is_trusted(pid_t pid, const struct stat *st)
{
	if (st->st_uid && (long)st->st_uid != process__status_number(pid, "\nUid:"))
		return false;
	return st->st_mtime + SLACK_S >= start_time(pid);
}

static bool is_same(const struct jit_file *file, const struct stat *st)
{
	struct stat known;

	return file && !fstat(file->fd, &known) && known.st_dev == st->st_dev &&
	       known.st_ino == st->st_ino;
}

struct jit_file *jit_file__open(const struct process *process, struct jit_file *previous)
{
	pid_t pid = process__pid(process);
	struct jit_file *file = NULL;
	struct stat st;
	int fd = open_list(pid);

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st) && is_same(previous, &st))
		file = jit_file__get(previous);
	else if (!fstat(fd, &st) && is_trusted(pid, &st))
		file = calloc(1, sizeof(*file));
	if (!file || file == previous) {
		close(fd);
		return file;
	}
	file->refs = 1;
	file->fd = fd;
	return file;
}

struct jit_file *jit_file__get(struct jit_file *file)
{
	__atomic_fetch_add(&file->refs, 1, __ATOMIC_SEQ_CST);
	return file;
}

void jit_file__put(struct jit_file *file)
{
	if (!file || __atomic_sub_fetch(&file->refs, 1, __ATOMIC_SEQ_CST))
		return;
	close(file->fd);
	free(file);
}

int jit_file__fd(const struct jit_file *file)
{
	return file->fd;
}
