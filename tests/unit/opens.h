/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a file is opened, which has effects if it is a device or a pipe; by O_PATH it is not. */
#ifndef EXOPROF_TEST_OPENS_H
#define EXOPROF_TEST_OPENS_H

#include <stdbool.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

static inline int opens__watch(const char *path)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (fd < 0 || inotify_add_watch(fd, path, IN_OPEN) < 0)
		abort();
	return fd;
}

/* Since it was asked last. */
static inline bool opens__happened(int fd)
{
	char events[4096];
	bool happened = false;

	while (read(fd, events, sizeof(events)) > 0)
		happened = true;
	return happened;
}

#endif
