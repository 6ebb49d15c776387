// SPDX-License-Identifier: Apache-2.0
/* malloc and free, pair after pair, and nothing else, for so many seconds: mallocs SECONDS. Prints
 * ten times a second: nanoseconds since the start, pairs since the start, nanoseconds a pair
 * lately. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SIZES    256 /* a power of two */
#define TELL_NS  100000000ULL
#define MIN_SIZE 16
#define MAX_SIZE 1024

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static void tell(uint64_t ns, uint64_t pairs, double ns_a_pair)
{
	char line[80];
	int length = snprintf(line, sizeof(line), "%llu %llu %.1f\n", (unsigned long long)ns,
			      (unsigned long long)pairs, ns_a_pair);

	if (write(STDOUT_FILENO, line, length) != length)
		exit(1);
}

static void pick_sizes(size_t *sizes)
{
	srand(1);
	for (int i = 0; i < SIZES; i++)
		sizes[i] = MIN_SIZE + rand() % (MAX_SIZE - MIN_SIZE + 1);
}

/* One pair of each size: few enough that a tool which costs a millisecond a pair lets the clock be
 * read every quarter of a second. */
static void turn(const size_t *sizes)
{
	for (int i = 0; i < SIZES; i++) {
		void *block = malloc(sizes[i]);

		/* Or the compiler sees that nobody needs the block. */
		__asm__ volatile("" : : "r"(block) : "memory");
		free(block);
	}
}

int main(int argc, char **argv)
{
	uint64_t seconds = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	uint64_t start = now_ns(), told = start, now = start;
	uint64_t pairs = 0, told_pairs = 0;
	size_t sizes[SIZES];

	pick_sizes(sizes);
	while (now - start < seconds * 1000000000ULL) {
		turn(sizes);
		pairs += SIZES;
		now = now_ns();
		if (now - told < TELL_NS)
			continue;
		tell(now - start, pairs, (double)(now - told) / (pairs - told_pairs));
		told = now;
		told_pairs = pairs;
	}
	return 0;
}
