// SPDX-License-Identifier: Apache-2.0
#include "inline/visit.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

struct visit {
	int (*work)(struct visit *visit);
	pid_t pid;
	const struct plan *plan;
	const struct maps *maps;
	uint64_t heap_rate;
	struct installation *installation;
	int err;
};

/* The process stands still from the first thread that is told to stop on: whoever tells them must
 * not wait for its turn beside those that are not told yet (50 ms instead of 11 at most, with 22
 * busy threads on two processors). It takes CAP_SYS_NICE, and does without. */
static void hurry(void)
{
	struct sched_param param = {.sched_priority = 1};

	sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param);
}

static void *visiting_thread(void *context)
{
	struct visit *visit = context;

	hurry();
	visit->err = visit->work(visit);
	return NULL;
}

static int go(struct visit *visit)
{
	pthread_t thread;
	int err = pthread_create(&thread, NULL, visiting_thread, visit);

	if (err)
		return -err;
	pthread_join(thread, NULL);
	return visit->err;
}

static int map(struct visit *visit)
{
	visit->installation =
		installation__new(visit->pid, visit->plan, visit->maps, visit->heap_rate);
	return visit->installation ? 0 : -errno;
}

int visit__map(pid_t pid, const struct plan *plan, const struct maps *maps, uint64_t heap_rate,
	       struct installation **installation)
{
	struct visit visit = {
		.work = map, .pid = pid, .plan = plan, .maps = maps, .heap_rate = heap_rate};
	int err = go(&visit);

	*installation = visit.installation;
	return err;
}

static int activate(struct visit *visit)
{
	return installation__activate(visit->installation);
}

int visit__activate(struct installation *installation)
{
	return go(&(struct visit){.work = activate, .installation = installation});
}

static int deactivate(struct visit *visit)
{
	return installation__deactivate(visit->installation);
}

int visit__deactivate(struct installation *installation)
{
	return go(&(struct visit){.work = deactivate, .installation = installation});
}

static int unmap(struct visit *visit)
{
	return installation__unmap(visit->installation);
}

/* Or it has a word on its stack that looks like a way back. On a busy machine it may be some time
 * before each thread has had its turn: each pause is twice the last one, 2.5 s in all. */
#define UNMAP_TRIES    8
#define UNMAP_FIRST_NS 20000000

int visit__unmap(struct installation *installation)
{
	int64_t pause_ns = UNMAP_FIRST_NS;
	int err = -EAGAIN;

	for (int i = 0; i < UNMAP_TRIES && err == -EAGAIN; i++) {
		if (i) {
			struct timespec pause = {pause_ns / 1000000000, pause_ns % 1000000000};

			nanosleep(&pause, NULL);
			pause_ns *= 2;
		}
		err = go(&(struct visit){.work = unmap, .installation = installation});
	}
	return err;
}
