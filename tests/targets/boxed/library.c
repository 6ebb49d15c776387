/* SPDX-License-Identifier: Apache-2.0 */
/* The library of boxed.c. */
#include "boxed.h"

APART static uint64_t library_burn(uint64_t rounds)
{
	uint64_t x = rounds;

	for (uint64_t i = 0; i < rounds; i++)
		__asm__ volatile("imul %0, %0" : "+r"(x));
	return x;
}

APART static uint64_t library_middle(uint64_t rounds)
{
	return library_burn(rounds) + 1;
}

uint64_t boxed_library(uint64_t rounds)
{
	return library_middle(rounds) + 1;
}
