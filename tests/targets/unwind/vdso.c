/* SPDX-License-Identifier: Apache-2.0 */
/* Time spent in the vDSO: clock_gettime, gettimeofday and time where the clock can be read without
 * a system call, getcpu everywhere. */
#include <sched.h>
#include <sys/time.h>
#include <time.h>

#include "chain.h"

#define CALLS 1000

APART static void ask(void)
{
	struct timespec timespec;
	struct timeval timeval;
	unsigned int cpu, node;

	for (int i = 0; i < CALLS; i++)
		clock_gettime(CLOCK_MONOTONIC, &timespec);
	for (int i = 0; i < CALLS; i++)
		gettimeofday(&timeval, NULL);
	for (int i = 0; i < CALLS; i++)
		getcpu(&cpu, &node);
	for (int i = 0; i < CALLS; i++)
		time(NULL);
}

int main(void)
{
	/* gettimeofday and time are the vDSO's own; the others are called by libc's. */
	puts("chain: " START "/;ask;*@libc.so.6;*@[vdso]\nchain: " START "ask;plt");
	say_ready();
	for (;;)
		ask();
}
