// SPDX-License-Identifier: Apache-2.0
#include "target/find.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* MAX_PID_NS_LEVEL in the kernel, and the outermost. */
#define LEVELS_MAX 33

/* A process's pids, from our namespace to its innermost. */
struct pids {
	pid_t levels[LEVELS_MAX];
	int count;
};

static int read_pids(pid_t pid, struct pids *pids)
{
	char path[64], line[1024], *at, *end;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	in = fopen(path, "re");
	if (!in)
		return errno == ENOENT ? -ESRCH : -errno;
	pids->count = 0;
	while (!pids->count && fgets(line, sizeof(line), in)) {
		if (strncmp(line, "NSpid:", 6))
			continue;
		at = line + 6;
		while (pids->count < LEVELS_MAX) {
			pid_t next = strtol(at, &end, 10);

			if (end == at)
				break;
			pids->levels[pids->count++] = next;
			at = end;
		}
	}
	fclose(in);
	return pids->count ? 0 : -ESRCH;
}

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
	struct pids pids;
	struct stat st;
	int err;

	if (read_pids(pid, &pids) || pids.count <= level || pids.levels[level] != inner)
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
	struct pids pids;
	int err = read_pids(of, &pids);

	if (!err)
		err = namespace_of(of, 0, &namespace);
	return err ? err : search(inner, pids.count - 1, &namespace);
}
