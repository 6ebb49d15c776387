/* SPDX-License-Identifier: Apache-2.0 */
/* CPU time of known shares: main -> outer -> middle -> burn_a and burn_b, three to one, and a
 * second thread in burn_other. Counts work, not time, so that the shares hold on a busy machine.
 * Runs until killed. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>

#include "busy.h"

/* About a millisecond. */
#define ROUND 300000

static volatile uint64_t sink;

BUSY_FUNCTION(burn_a)
BUSY_FUNCTION(burn_b)
BUSY_FUNCTION(burn_other)

/* The sums keep the calls from being tail calls, which leave no frame. */
APART static uint64_t middle(void)
{
	uint64_t a = burn_a(3 * ROUND);

	return a + burn_b(ROUND);
}

APART static uint64_t outer(void)
{
	return middle() + 1;
}

static void *second_thread(void *unused)
{
	(void)unused;
	for (;;)
		sink += burn_other(ROUND);
	return NULL;
}

int main(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, second_thread, NULL))
		return 1;
	puts("ready");
	fflush(stdout);
	for (;;)
		sink += outer();
}
