/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that are on the CPU all the time (computing), now and then (both: 2 of 5 ms as far as
 * others leave it), hardly (sleeping) and never (asleep). */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define APART __attribute__((noipa))

static volatile uint64_t sink;

APART static void site_work(uint64_t turns)
{
	while (turns--)
		sink++;
}

APART static void site_sleep(long ns)
{
	struct timespec pause = {.tv_nsec = ns};

	nanosleep(&pause, NULL);
}

APART static void site_asleep(void)
{
	pause();
	sink++; /* or its frame would be gone */
}

static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static void *compute(void *unused)
{
	for (;;)
		site_work(100000);
	return unused;
}

static void *mix(void *unused)
{
	for (;;) {
		uint64_t end_ns = cpu_ns() + 2000000;

		while (cpu_ns() < end_ns)
			site_work(10000);
		site_sleep(3000000);
	}
	return unused;
}

static void *doze(void *unused)
{
	for (;;)
		site_sleep(7000000);
	return unused;
}

static void *sleep_on(void *unused)
{
	for (;;)
		site_asleep();
	return unused;
}

int main(void)
{
	static const struct {
		const char *name;
		void *(*run)(void *);
	} threads[] = {
		{"computing", compute },
                {"both",      mix     },
                {"sleeping",  doze    },
                {"asleep",    sleep_on}
        };
	pthread_t id;

	for (size_t i = 0; i < sizeof(threads) / sizeof(*threads); i++) {
		pthread_create(&id, NULL, threads[i].run, NULL);
		pthread_setname_np(id, threads[i].name);
	}
	puts("ready");
	fflush(stdout);
	pthread_join(id, NULL);
	return 0;
}
