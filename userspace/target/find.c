// SPDX-License-Identifier: Apache-2.0
#include "target/find.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "target/proc.h"

/* The process's pid namespace, or the one so many levels above it. An fd or -errno. */
static int open_namespace(pid_t pid, int levels_up)
{
	char path[64];
	int fd, parent;

	snprintf(path, sizeof(path), "/proc/%d/ns/pid", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	for (; levels_up > 0; levels_up--) {
		parent = ioctl(fd, NS_GET_PARENT);
		if (parent < 0)
			parent = -errno;
		close(fd);
		if (parent < 0)
			return parent;
		fd = parent;
	}
	return fd;
}

static int namespace_of(pid_t pid, int levels_up, struct stat *st)
{
	int fd = open_namespace(pid, levels_up);
	int err;

	if (fd < 0)
		return fd;
	err = fstat(fd, st) ? -errno : 0;
	close(fd);
	return err;
}

/* 0 where it is the one, -ENOENT where not, -EACCES where that is not ours to see. A process of a
 * namespace inside this one is of this one, too, and has a pid in it. */
static int check(pid_t pid, pid_t inner, int level, const struct stat *namespace)
{
	struct proc_pids pids;
	struct stat st;
	int err;

	if (proc__pids(pid, &pids) || pids.count <= level || pids.levels[level] != inner)
		return -ENOENT;
	err = namespace_of(pid, pids.count - 1 - level, &st);
	if (err)
		return err == -EACCES || err == -EPERM ? -EACCES : -ENOENT;
	return st.st_ino == namespace->st_ino && st.st_dev == namespace->st_dev ? 0 : -ENOENT;
}

static pid_t search(pid_t inner, int level, const struct stat *namespace)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	pid_t found = -ENOENT;

	if (!proc)
		return -errno;
	while (found < 0 && (entry = readdir(proc))) {
		pid_t pid = strtol(entry->d_name, NULL, 10);
		int err = pid > 0 ? check(pid, inner, level, namespace) : -ENOENT;

		if (!err)
			found = pid;
		else if (err != -ENOENT)
			found = err;
	}
	closedir(proc);
	return found;
}

pid_t find__in_namespace(pid_t inner, pid_t of)
{
	struct stat namespace;
	struct proc_pids pids;
	int err = proc__pids(of, &pids);

	if (!err)
		err = namespace_of(of, 0, &namespace);
	return err ? err : search(inner, pids.count - 1, &namespace);
}

void found__release(struct found *found)
{
	free(found->pids);
	*found = (struct found){};
}

struct kin {
	pid_t pid;
	struct proc_stat stat;
};

struct kins {
	struct kin *items;
	size_t count, capacity;
};

/* For a struct kin, too, which begins with its pid. */
static int compare_pids(const void *left, const void *right)
{
	pid_t a = *(const pid_t *)left, b = *(const pid_t *)right;

	return (a > b) - (a < b);
}

/* Sorted by pid: a machine may have tens of thousands of processes. */
static int read_all(struct kins *kins)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	int err = 0;

	if (!proc)
		return -errno;
	while (!err && (entry = readdir(proc))) {
		struct kin kin = {.pid = strtol(entry->d_name, NULL, 10)};

		if (kin.pid > 0 && !proc__stat(kin.pid, &kin.stat) && !kin.stat.is_kernel_thread &&
		    !kin.stat.is_dead)
			err = array_append(&kins->items, &kins->count, &kins->capacity, kin);
	}
	closedir(proc);
	/* qsort takes no NULL. */
	if (kins->count)
		qsort(kins->items, kins->count, sizeof(*kins->items), compare_pids);
	return err;
}

static int add_pid(struct found *found, pid_t pid)
{
	return array_append(&found->pids, &found->count, &found->capacity, pid);
}

static pid_t parent_of(const struct kins *kins, pid_t pid)
{
	const struct kin *kin =
		kins->count ? bsearch(&pid, kins->items, kins->count, sizeof(*kin), compare_pids)
			    : NULL;

	return kin ? kin->stat.parent : 0;
}

/* As deep as a family of processes may be before it is taken for one that changes as it is read. */
#define GENERATIONS_MAX 4096

/* From one of the ancestors, whose pids are sorted. */
static bool descends_from(const struct kins *kins, pid_t pid, const pid_t *ancestors, size_t count)
{
	for (int i = 0; i < GENERATIONS_MAX; i++) {
		pid = parent_of(kins, pid);
		if (!pid)
			return false;
		if (bsearch(&pid, ancestors, count, sizeof(*ancestors), compare_pids))
			return true;
	}
	return false;
}

typedef bool match_fn(const struct kin *kin, const char *name);

static bool is_called(const struct kin *kin, const char *name)
{
	return !strcmp(kin->stat.comm, name);
}

static bool is_of_unit(const struct kin *kin, const char *unit)
{
	return proc__is_of_unit(kin->pid, unit);
}

static int add_matching(const struct kins *kins, match_fn *matches, const char *name,
			struct found *found)
{
	int err = 0;

	for (size_t i = 0; i < kins->count && !err; i++) {
		if (matches(&kins->items[i], name) && kins->items[i].pid != getpid())
			err = add_pid(found, kins->items[i].pid);
	}
	return err;
}

static int keep_heads(const struct kins *kins, struct found *found)
{
	struct found heads = {};
	int err = 0;

	for (size_t i = 0; i < found->count && !err; i++) {
		if (!descends_from(kins, found->pids[i], found->pids, found->count))
			err = add_pid(&heads, found->pids[i]);
	}
	found__release(found);
	*found = heads;
	return err;
}

static int find(match_fn *matches, const char *name, bool heads_only, struct found *found)
{
	struct kins kins = {};
	int err = read_all(&kins);

	if (!err)
		err = add_matching(&kins, matches, name, found);
	if (!err && heads_only)
		err = keep_heads(&kins, found);
	free(kins.items);
	return err;
}

int find__by_name(const char *name, bool heads_only, struct found *found)
{
	return find(is_called, name, heads_only, found);
}

int find__by_unit(const char *unit, bool heads_only, struct found *found)
{
	return find(is_of_unit, unit, heads_only, found);
}

int find__descendants(pid_t pid, struct found *found)
{
	struct kins kins = {};
	int err = read_all(&kins);

	for (size_t i = 0; i < kins.count && !err; i++) {
		if (descends_from(&kins, kins.items[i].pid, &pid, 1))
			err = add_pid(found, kins.items[i].pid);
	}
	free(kins.items);
	return err;
}
