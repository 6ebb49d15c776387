// SPDX-License-Identifier: Apache-2.0
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/say.h"

int output__open(const char *path)
{
	int fd;

	if (!strcmp(path, "-"))
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	else
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	return fd < 0 ? -errno : fd;
}

static int write_all(int fd, const char *bytes, size_t size)
{
	while (size) {
		ssize_t written = write(fd, bytes, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		bytes += written;
		size -= written;
	}
	return 0;
}

/* A pipe or a terminal has no length. */
static int cut(int fd)
{
	return ftruncate(fd, 0) && errno != EINVAL && errno != ESPIPE ? -errno : 0;
}

int output__write(int fd, const char *bytes, size_t size)
{
	int err = cut(fd);

	if (!err)
		err = write_all(fd, bytes, size);
	/* Half a profile must not pass for one. */
	if (err)
		cut(fd);
	if (close(fd) && !err)
		err = -errno;
	return err;
}

static bool is_regular(int fd, const char *path, struct stat *stat)
{
	return strcmp(path, "-") && !fstat(fd, stat) && S_ISREG(stat->st_mode);
}

int output__save(int fd, const char *path, const char *bytes, size_t size)
{
	struct stat stat;
	bool was_regular = is_regular(fd, path, &stat);
	int err = output__write(fd, bytes, size);

	if (err) {
		/* What was there is gone by now, and a part of a profile is none. */
		if (was_regular)
			unlink(path);
		say("cannot write %s: %s", path, strerror(-err));
	} else if (strcmp(path, "-")) {
		say("wrote %s (%zu bytes)", path, size);
	}
	return err;
}

void output__discard(int fd, const char *path)
{
	struct stat stat;

	if (is_regular(fd, path, &stat) && !stat.st_size)
		unlink(path);
	close(fd);
}
