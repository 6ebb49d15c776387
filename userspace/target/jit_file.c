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
	dev_t device;
	ino_t inode;
};

/* The pid by which the target knows itself. Its own pid here where the kernel has no namespaces. */
static pid_t innermost_pid(pid_t pid)
{
	struct proc_pids pids;

	return proc__pids(pid, &pids) ? pid : pids.levels[pids.count - 1];
}

/* The list, as it is looked for: its file system is the target's choice, too. */
struct search {
	struct errand errand;
	struct root *root;
	char path[64];
	int fd; /* negative: none */
	struct stat st;
};

/* A symbolic link in a folder where anybody may write could lead to a list of somebody else's. */
static void open_list(struct errand *errand)
{
	struct search *search = (struct search *)errand;

	search->fd = root__open_file_itself(search->root, search->path);
	if (search->fd >= 0 && fstat(search->fd, &search->st)) {
		close(search->fd);
		search->fd = -1;
	}
}

static void release(struct errand *errand)
{
	struct search *search = (struct search *)errand;

	if (search->fd >= 0)
		close(search->fd);
	root__put(search->root);
}

static struct search *find_list(pid_t pid, struct patience *patience)
{
	struct search *search = calloc(1, sizeof(*search));

	if (!search)
		return NULL;
	search->errand = (struct errand){.run = open_list, .release = release};
	search->fd = -1;
	search->root = root__open(pid);
	if (!search->root) {
		free(search);
		return NULL;
	}
	snprintf(search->path, sizeof(search->path), "/tmp/perf-%d.map", innermost_pid(pid));
	if (patience__run(patience, &search->errand, root__id(search->root).device))
		return NULL;
	return search;
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
	return file && file->device == st->st_dev && file->inode == st->st_ino;
}

static struct jit_file *take(struct search *search)
{
	struct jit_file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	*file = (struct jit_file){
		.refs = 1,
		.fd = search->fd,
		.device = search->st.st_dev,
		.inode = search->st.st_ino,
	};
	search->fd = -1;
	return file;
}

struct jit_file *jit_file__open(const struct process *process, struct jit_file *previous,
				struct patience *patience)
{
	pid_t pid = process__pid(process);
	struct search *search = find_list(pid, patience);
	struct jit_file *file = NULL;

	/* Nobody answers: what there was is as good as it was. */
	if (!search)
		return previous ? jit_file__get(previous) : NULL;
	if (search->fd >= 0 && is_same(previous, &search->st))
		file = jit_file__get(previous);
	else if (search->fd >= 0 && is_trusted(pid, &search->st))
		file = take(search);
	errand__discard(&search->errand);
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
