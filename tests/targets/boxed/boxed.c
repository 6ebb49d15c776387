/* SPDX-License-Identifier: Apache-2.0 */
/* CPU time in static functions, half of it in the program and half in its library: main -> outer ->
 * middle -> burn_here, and -> boxed_library -> library_middle -> library_burn. Two programs, whose
 * names begin differently. Counts work, not time. Runs until killed. */
#include <stdint.h>
#include <stdio.h>

#include "boxed.h"

#define PASTE(a, b) a##b
#define NAME2(a, b) PASTE(a, b)
/* PREFIX is the build's. */
#define NAMED(name) NAME2(PREFIX, name)

static volatile uint64_t sink;

APART static uint64_t NAMED(burn_here)(uint64_t rounds)
{
	uint64_t x = rounds;

	for (uint64_t i = 0; i < rounds; i++)
		__asm__ volatile("imul %0, %0" : "+r"(x));
	return x;
}

/* The sums keep the calls from being tail calls, which leave no frame. */
APART static uint64_t NAMED(middle)(void)
{
	uint64_t here = NAMED(burn_here)(ROUND);

	return here + boxed_library(ROUND);
}

APART static uint64_t NAMED(outer)(void)
{
	return NAMED(middle)() + 1;
}

int main(void)
{
	puts("ready");
	fflush(stdout);
	for (;;)
		sink += NAMED(outer)();
}
