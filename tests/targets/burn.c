/* SPDX-License-Identifier: Apache-2.0 */
/* CPU time of known shares: main -> outer -> middle -> burn_a and burn_b, three to one, and a
 * second thread in burn_other. Counts work, not time, so that the shares hold on a busy machine.
 * Runs until killed. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>

/* noipa: not inlined, not cloned, and nothing is known of it at the call. */
#define APART         __attribute__((noipa))

/* gcc leaves the frame of a leaf function out where nothing needs it, whatever it is told, and a
 * walk by frame pointers then loses the caller. */
#define NEEDS_FRAME() __asm__ volatile("" : : "r"(__builtin_frame_address(0)))

/* About a millisecond. */
#define ROUND         300000

static volatile uint64_t sink;

APART static uint64_t burn_a(uint64_t rounds)
{
	uint64_t x = rounds;

	NEEDS_FRAME();
	for (uint64_t i = 0; i < rounds; i++)
		__asm__ volatile("imul %0, %0" : "+r"(x));
	return x;
}

APART static uint64_t burn_b(uint64_t rounds)
{
	uint64_t x = rounds;

	NEEDS_FRAME();
	for (uint64_t i = 0; i < rounds; i++)
		__asm__ volatile("imul %0, %0" : "+r"(x));
	return x;
}

APART static uint64_t burn_other(uint64_t rounds)
{
	uint64_t x = rounds;

	NEEDS_FRAME();
	for (uint64_t i = 0; i < rounds; i++)
		__asm__ volatile("imul %0, %0" : "+r"(x));
	return x;
}

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
