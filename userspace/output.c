// SPDX-License-Identifier: Apache-2.0
#include "output.h"

#include <errno.h>
#include <fcntl.h>
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

static void remove_empty(const char *path)
{
	struct stat st;

	if (strcmp(path, "-") && !stat(path, &st) && S_ISREG(st.st_mode) && !st.st_size)
		unlink(path);
}

int output__save(int fd, const char *path, const char *bytes, size_t size)
{
	int err = output__write(fd, bytes, size);

	if (err) {
		say("cannot write %s: %s", path, strerror(-err));
		remove_empty(path);
	} else if (strcmp(path, "-")) {
		say("wrote %s (%zu bytes)", path, size);
	}
	return err;
}

void output__discard(int fd, const char *path)
{
	struct stat st;

	if (strcmp(path, "-") && !fstat(fd, &st) && S_ISREG(st.st_mode) && !st.st_size)
		unlink(path);
	close(fd);
}
