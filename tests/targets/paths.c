/* SPDX-License-Identifier: Apache-2.0 */
/* Hardly ever the same stack twice: each round goes down another path through two functions, 24
 * calls deep. Runs until killed. */
#include <stdint.h>
#include <stdio.h>

#define APART  __attribute__((noipa))

/* Or gcc makes a loop of a function that ends with calling itself. */
#define STAY() __asm__ volatile("")

#define DEPTH  24

static volatile uint64_t sink;

APART static uint64_t right(uint32_t path, int depth);

APART static uint64_t burn(uint64_t rounds)
{
	uint64_t x = rounds;

	for (uint64_t i = 0; i < rounds; i++)
		__asm__ volatile("imul %0, %0" : "+r"(x));
	return x;
}

APART static uint64_t left(uint32_t path, int depth)
{
	uint64_t below;

	if (!depth)
		return burn(20000) + 1;
	below = path & 1 ? left(path >> 1, depth - 1) : right(path >> 1, depth - 1);
	STAY();
	return below + 1;
}

APART static uint64_t right(uint32_t path, int depth)
{
	uint64_t below;

	if (!depth)
		return burn(20000) + 2;
	below = path & 1 ? left(path >> 1, depth - 1) : right(path >> 1, depth - 1);
	STAY();
	return below + 2;
}

int main(void)
{
	uint32_t random = 2463534242;

	puts("ready");
	fflush(stdout);
	for (;;) {
		/* xorshift (Marsaglia, 2003) */
		random ^= random << 13;
		random ^= random >> 17;
		random ^= random << 5;
		sink += left(random, DEPTH);
	}
}
