// SPDX-License-Identifier: Apache-2.0
#include "collect/scratch_code.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE  4096

/* Some 16 ms with the dearest probe there is, at 15 us. */
#define TRIES 8
#define CALLS 128

struct scratch_code {
	int fd;
	void (*function)(void);
	char path[64];
};

struct scratch_code *scratch_code__new(const void *bytes, size_t size)
{
	struct scratch_code *code = calloc(1, sizeof(*code));
	void *page = MAP_FAILED;
	int err;

	if (!code)
		return NULL;
	/* A file that has a name nowhere. */
	code->fd = memfd_create("exoprof-calibration", MFD_CLOEXEC);
	if (code->fd >= 0 && !ftruncate(code->fd, PAGE) &&
	    pwrite(code->fd, bytes, size, 0) == (ssize_t)size)
		page = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, code->fd, 0);
	if (page == MAP_FAILED) {
		err = errno;
		scratch_code__free(code);
		errno = err;
		return NULL;
	}
	code->function = (void (*)(void))page;
	snprintf(code->path, sizeof(code->path), "/proc/self/fd/%d", code->fd);
	return code;
}

void scratch_code__free(struct scratch_code *code)
{
	if (!code)
		return;
	if (code->function)
		munmap((void *)code->function, PAGE);
	if (code->fd >= 0)
		close(code->fd);
	free(code);
}

const char *scratch_code__path(const struct scratch_code *code)
{
	return code->path;
}

static double now_ns(void)
{
	struct timespec now;

	/* The thread's own time: what others take of the CPU is not the probe's. */
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

double scratch_code__call_ns(const struct scratch_code *code)
{
	double least_ns = 0;

	for (int i = 0; i < TRIES; i++) {
		double start_ns = now_ns(), ns;

		for (int call = 0; call < CALLS; call++)
			code->function();
		ns = (now_ns() - start_ns) / CALLS;
		if (!i || ns < least_ns)
			least_ns = ns;
	}
	return least_ns;
}
