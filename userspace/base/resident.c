// SPDX-License-Identifier: Apache-2.0
#include "base/resident.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int resident__open(void)
{
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

size_t resident__read(int fd)
{
	char text[128];
	ssize_t size = pread(fd, text, sizeof(text) - 1, 0);
	size_t pages;

	if (size <= 0)
		return 0;
	text[size] = '\0';
	return sscanf(text, "%*u %zu", &pages) == 1 ? pages * getpagesize() : 0;
}

static size_t read_once(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t bytes = fd < 0 ? 0 : resident__read(fd);

	if (fd >= 0)
		close(fd);
	return bytes;
}

size_t resident__bytes(void)
{
	return read_once("/proc/self/statm");
}

size_t resident__bytes_of(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	return read_once(path);
}
