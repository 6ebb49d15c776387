// SPDX-License-Identifier: Apache-2.0
#include "heap_trial.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "inline/visit.h"

#define PAUSE_NS    1000000

/* Of no consequence: it is never asked what was sampled. */
#define HEAP_RATE   (512 << 10)
#define BUCKET_BITS 4

/* In the child: a heap that is used. */
static void allocate_for_ever(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		void *volatile block = malloc(64);

		free(block);
		nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
	}
}

static int put_and_take(pid_t pid, const struct plan *plan, const struct maps *maps)
{
	struct installation *installation;
	int err = visit__map(pid, plan, maps, HEAP_RATE, &installation), end_err;

	if (err)
		return err;
	err = visit__activate(installation);
	end_err = visit__deactivate(installation);
	if (!end_err)
		end_err = visit__unmap(installation);
	installation__free(installation);
	return err ? err : end_err;
}

static int try_allocator(pid_t pid, const struct maps *maps, const struct allocator *allocator)
{
	struct stub_books books = {.bucket_bits = BUCKET_BITS};
	struct plan *plan = plan__make(pid, maps, allocator, NULL, &books);
	int err;

	if (!plan)
		return -errno;
	err = plan->possible == plan->count ? put_and_take(pid, plan, maps) : -ENOTSUP;
	free(plan);
	return err;
}

static int try_on(pid_t pid, const struct maps *maps)
{
	struct allocator allocator;
	int err = -ENOTSUP;

	for (size_t i = 0; i < maps->count && err == -ENOTSUP; i++) {
		if (!maps->items[i].file || allocator__read(&allocator, maps->items[i].file, NULL))
			continue;
		err = try_allocator(pid, maps, &allocator);
		allocator__release(&allocator);
	}
	return err;
}

static int with_child(pid_t pid)
{
	struct process *process = process__open(pid);
	struct files *files = files__new();
	struct maps *maps = process && files ? maps__read(process, files, NULL) : NULL;
	int err = maps ? try_on(pid, maps) : -errno;

	maps__put(maps);
	files__free(files);
	process__close(process);
	return err;
}

int heap_trial__inline(void)
{
	pid_t pid = fork();
	int err;

	if (pid < 0)
		return -errno;
	if (!pid)
		allocate_for_ever();
	err = with_child(pid);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return err;
}
