// SPDX-License-Identifier: Apache-2.0
#include "thread_watch.h"

int thread_watch__begin(struct thread_watch *watch, pthread_t thread)
{
	return -pthread_getcpuclockid(thread, &watch->clock);
}

void thread_watch__rest(struct thread_watch *watch, bool is_idle)
{
	atomic_store(&watch->is_idle, is_idle);
	__atomic_fetch_add(&watch->rests, 1, __ATOMIC_SEQ_CST);
}

unsigned int thread_watch__look(struct thread_watch *watch)
{
	uint64_t rests = __atomic_load_n(&watch->rests, __ATOMIC_SEQ_CST);
	int64_t cpu_ns = -1;
	struct timespec cpu;

	if (!clock_gettime(watch->clock, &cpu))
		cpu_ns = cpu.tv_sec * 1000000000LL + cpu.tv_nsec;
	if (atomic_load(&watch->is_idle) || rests != watch->rests_seen || cpu_ns != watch->cpu_ns)
		watch->stuck = 0;
	else
		watch->stuck++;
	watch->rests_seen = rests;
	watch->cpu_ns = cpu_ns;
	return watch->stuck;
}
