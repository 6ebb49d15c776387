// SPDX-License-Identifier: Apache-2.0
#include "target/patience.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

/* Of threads that may be lost at once, each to another file system. */
#define OUT_MAX     16

/* libelf, which reads a file's headers, keeps nothing large on it. */
#define STACK_BYTES (256 << 10)

struct patience {
	int64_t limit_ms, ends_ms;
	struct errand *out[OUT_MAX];
	unsigned int out_count;
};

struct patience *patience__new(void)
{
	return calloc(1, sizeof(struct patience));
}

static void put(struct errand *errand)
{
	if (atomic_fetch_sub(&errand->refs, 1) > 1)
		return;
	if (errand->release)
		errand->release(errand);
	sem_destroy(&errand->over);
	free(errand);
}

/* What it holds at once: the thread may be on its last steps. */
void errand__discard(struct errand *errand)
{
	errand->release(errand);
	errand->release = NULL;
	put(errand);
}

void patience__free(struct patience *patience)
{
	if (!patience)
		return;
	for (unsigned int i = 0; i < patience->out_count; i++)
		put(patience->out[i]);
	free(patience);
}

void patience__begin(struct patience *patience, int64_t limit_ms)
{
	patience->limit_ms = limit_ms;
	patience->ends_ms = clock__monotonic_ms() + limit_ms;
}

unsigned int patience__out(struct patience *patience)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < patience->out_count; i++) {
		if (atomic_load(&patience->out[i]->is_over))
			put(patience->out[i]);
		else
			patience->out[kept++] = patience->out[i];
	}
	patience->out_count = kept;
	return kept;
}

static bool may_begin(struct patience *patience, uint64_t device)
{
	if (patience__out(patience) == OUT_MAX || clock__monotonic_ms() >= patience->ends_ms)
		return false;
	for (unsigned int i = 0; i < patience->out_count; i++) {
		if (patience->out[i]->device == device)
			return false;
	}
	return true;
}

static void *run(void *context)
{
	struct errand *errand = context;

	errand->run(errand);
	atomic_store(&errand->is_over, true);
	sem_post(&errand->over);
	put(errand);
	return NULL;
}

static int start(struct errand *errand)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int err = pthread_attr_init(&attributes);

	if (err)
		return -err;
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	err = pthread_create(&thread, &attributes, run, errand);
	pthread_attr_destroy(&attributes);
	return -err;
}

/* Whether it is over by then. */
static bool wait_until(struct errand *errand, int64_t deadline_ms)
{
	struct timespec deadline = {
		.tv_sec = deadline_ms / 1000,
		.tv_nsec = deadline_ms % 1000 * 1000000,
	};

	while (sem_clockwait(&errand->over, CLOCK_MONOTONIC, &deadline)) {
		if (errno != EINTR)
			return false;
	}
	return true;
}

int patience__run(struct patience *patience, struct errand *errand, uint64_t device)
{
	int64_t deadline_ms = clock__monotonic_ms() + patience->limit_ms / 2;
	int err = -EBUSY;

	errand->device = device;
	errand->refs = 1;
	sem_init(&errand->over, 0, 0);
	if (may_begin(patience, device)) {
		errand->refs = 2;
		err = start(errand);
		if (err)
			errand->refs = 1;
	}
	if (err) {
		put(errand);
		return err;
	}
	if (!wait_until(errand,
			deadline_ms < patience->ends_ms ? deadline_ms : patience->ends_ms)) {
		patience->out[patience->out_count++] = errand;
		return -ETIMEDOUT;
	}
	return 0;
}
