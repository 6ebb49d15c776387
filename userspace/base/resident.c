// SPDX-License-Identifier: Apache-2.0
#include "base/resident.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int resident__open(void)
{
	return open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
}

size_t resident__read(int fd)
{
	char text[128];
	ssize_t length = pread(fd, text, sizeof(text) - 1, 0);
	size_t pages;

	if (length < 0)
		return 0;
	text[length] = '\0';
	return sscanf(text, "%*u %zu", &pages) == 1 ? pages * getpagesize() : 0;
}

size_t resident__bytes(void)
{
	int fd = resident__open();
	size_t bytes = resident__read(fd);

	if (fd >= 0)
		close(fd);
	return bytes;
}
