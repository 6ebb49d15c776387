// SPDX-License-Identifier: Apache-2.0
#include "target/root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "target/file_id.h"

struct root {
	atomic_uint refs;
	int fd; /* O_PATH */
	struct root_id id;
	char prefix[PATH_MAX]; /* of its paths in /proc/PID/maps; "" for the top */
};

static int read_id(struct root *root, const char *process)
{
	char path[64];
	struct stat st;
	int err = file_id__known(root->fd, "", &root->id.device, &root->id.inode);

	if (err)
		return err;
	snprintf(path, sizeof(path), "/proc/%s/ns/mnt", process);
	if (stat(path, &st))
		return -errno;
	root->id.mount_namespace = st.st_ino;
	return 0;
}

static void read_prefix(struct root *root, const char *path)
{
	ssize_t length = readlink(path, root->prefix, sizeof(root->prefix));

	/* Longer than could be read: no path in maps would begin with all of it. */
	if (length < 0 || length == sizeof(root->prefix))
		length = 0;
	root->prefix[length] = '\0';
	if (!strcmp(root->prefix, "/"))
		root->prefix[0] = '\0';
}

static struct root *open_root(const char *process)
{
	struct root *root = calloc(1, sizeof(*root));
	char path[64];
	int err;

	if (!root)
		return NULL;
	root->refs = 1;
	snprintf(path, sizeof(path), "/proc/%s/root", process);
	root->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	err = root->fd < 0 ? -errno : read_id(root, process);
	if (!err) {
		read_prefix(root, path);
		return root;
	}
	root__put(root);
	errno = -err;
	return NULL;
}

struct root *root__open(pid_t pid)
{
	char process[16];

	snprintf(process, sizeof(process), "%d", pid);
	return open_root(process);
}

struct root *root__own(void)
{
	return open_root("self");
}

struct root *root__get(struct root *root)
{
	atomic_fetch_add(&root->refs, 1);
	return root;
}

void root__put(struct root *root)
{
	if (!root || atomic_fetch_sub(&root->refs, 1) > 1)
		return;
	if (root->fd >= 0)
		close(root->fd);
	free(root);
}

bool root__is_shared(const struct root *root)
{
	return atomic_load(&root->refs) > 1;
}

bool root__is_same(const struct root *a, const struct root *b)
{
	return a->id.device == b->id.device && a->id.inode == b->id.inode &&
	       a->id.mount_namespace == b->id.mount_namespace;
}

struct root_id root__id(const struct root *root)
{
	return root->id;
}

const char *root__inside(const struct root *root, const char *path)
{
	size_t length = strlen(root->prefix);

	return !strncmp(path, root->prefix, length) && path[length] == '/' ? path + length : path;
}

int root__open_found(int found)
{
	char path[64];
	struct stat st;
	int fd;

	if (fstat(found, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", found);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static int open_file(const struct root *root, const char *path, int flags)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC | flags,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int found = syscall(SYS_openat2, root->fd, path, &how, sizeof(how));
	int fd;

	if (found < 0)
		return -errno;
	fd = root__open_found(found);
	close(found);
	return fd;
}

int root__open_file(const struct root *root, const char *path)
{
	return open_file(root, path, 0);
}

int root__open_file_itself(const struct root *root, const char *path)
{
	/* With O_PATH that finds the link, which is no regular file. */
	return open_file(root, path, O_NOFOLLOW);
}
