/* SPDX-License-Identifier: Apache-2.0 */
/* A leak to be found. Two call sites allocate the same sizes (64 to 4096 bytes) at the same rate,
 * 200,000 blocks a second together, and keep only their last ones; but one in a hundred of
 * site_leaky's blocks is forgotten. Prints "ready" and goes on until stdin ends; for each byte
 * there it prints "leaked BYTES". */
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define APART     __attribute__((noipa))
#define KEPT      64
#define PER_BATCH 100 /* blocks of each site */
#define BATCH_NS  1000000
#define ONE_IN    100
#define SECOND_NS 1000000000
#define SIZE_FROM 64
#define SIZE_TO   4096

/* The last blocks of a site. */
struct ring {
	char *blocks[KEPT];
	unsigned int next;
};

static struct ring leaky, clean;
static unsigned long long leaked_bytes;

static void keep(struct ring *ring, char *block)
{
	free(ring->blocks[ring->next]);
	ring->blocks[ring->next] = block;
	ring->next = (ring->next + 1) % KEPT;
}

static char *written(char *block)
{
	if (!block)
		_exit(99);
	*block = 1;
	return block;
}

APART static void site_leaky(size_t size, int forget)
{
	char *block = written(malloc(size));

	if (forget)
		leaked_bytes += size;
	else
		keep(&leaky, block);
}

APART static void site_clean(size_t size)
{
	keep(&clean, written(malloc(size)));
}

/* xorshift64* (Vigna 2016) */
static uint32_t next_random(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15ULL;

	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dULL >> 32;
}

static void batch(void)
{
	for (int i = 0; i < PER_BATCH; i++) {
		size_t size = SIZE_FROM + next_random() % (SIZE_TO - SIZE_FROM + 1);

		site_leaky(size, next_random() % ONE_IN == 0);
		site_clean(size);
	}
}

/* False where stdin has ended. */
static int answer(void)
{
	struct pollfd stdin_poll = {.fd = STDIN_FILENO, .events = POLLIN};
	char byte;

	if (poll(&stdin_poll, 1, 0) < 1)
		return 1;
	if (read(STDIN_FILENO, &byte, 1) != 1)
		return 0;
	printf("leaked %llu\n", leaked_bytes);
	fflush(stdout);
	return 1;
}

int main(void)
{
	struct timespec next;

	puts("ready");
	fflush(stdout);
	clock_gettime(CLOCK_MONOTONIC, &next);
	while (answer()) {
		batch();
		next.tv_nsec += BATCH_NS;
		if (next.tv_nsec >= SECOND_NS) {
			next.tv_nsec -= SECOND_NS;
			next.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
	return 0;
}
