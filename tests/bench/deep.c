// SPDX-License-Identifier: Apache-2.0
/* Spins for ever under a stack of a given depth, in a given number of threads: deep DEPTH THREADS.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static volatile unsigned long turns;
static volatile int ended; /* never */

static __attribute__((noinline)) void spin(void)
{
	while (!ended)
		turns++;
}

static __attribute__((noinline)) void descend(unsigned int depth)
{
	if (depth)
		descend(depth - 1);
	else
		spin();
	/* Not a tail call. */
	__asm__ volatile("");
}

static void *run(void *depth)
{
	descend(*(unsigned int *)depth);
	return NULL;
}

int main(int argc, char **argv)
{
	/* The thread has clone3, start_thread, run, the first descend and spin besides. */
	unsigned int depth = argc > 1 ? atoi(argv[1]) - 5 : 0;
	int threads = argc > 2 ? atoi(argv[2]) : 1;
	pthread_t thread;

	for (int i = 0; i < threads; i++)
		pthread_create(&thread, NULL, run, &depth);
	pthread_join(thread, NULL);
	return 0;
}
