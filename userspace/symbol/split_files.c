// SPDX-License-Identifier: Apache-2.0
#include "symbol/split_files.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

/* Of this thread. In the program's own thread-local storage, where a signal handler may look. */
static __thread struct split_files *volatile expected;

void split_files__expect(struct split_files *files)
{
	expected = files;
}

static int take(const char *path)
{
	struct split_files *files = expected;
	int fd = -ENOENT;

	for (int i = 0; files && i < SPLIT_PLACES && fd < 0; i++) {
		if (files->places[i].fd < 0 || strcmp(files->places[i].path, path))
			continue;
		fd = files->places[i].fd;
		files->places[i].fd = -1;
	}
	return fd;
}

/* realpath(3), by which libdw learns where a file is, asks of each part of a path whether it is a
 * link: none is, but the descriptor. So it needs to search no folder, which it might not be allowed
 * to. */
static long read_link(const char *path, char *buffer, size_t size)
{
	static const char descriptors[] = "/proc/self/fd/";
	ssize_t length;

	if (strncmp(path, descriptors, strlen(descriptors)))
		return -EINVAL;
	length = readlinkat(AT_FDCWD, path, buffer, size);
	return length < 0 ? -errno : length;
}

static void on_trap(int number, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
	int saved = errno;

	(void)number;
	if (info->si_syscall == SYS_openat)
		registers[REG_RAX] = take((const char *)registers[REG_RSI]);
	else if (info->si_syscall == SYS_readlink)
		registers[REG_RAX] = read_link((const char *)registers[REG_RDI],
					       (char *)registers[REG_RSI], registers[REG_RDX]);
	else
		registers[REG_RAX] = -ENOSYS;
	errno = saved;
}

void split_files__answer_traps(void)
{
	struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};

	sigaction(SIGSYS, &action, NULL);
}
