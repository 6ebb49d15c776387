/* SPDX-License-Identifier: Apache-2.0 */
/* Functions inlined into each other, over three files: mix in twist in turn, mix in fold in more.
 * Burns CPU until killed. */
#include "inlines.h"

APART static uint64_t turn(uint64_t x) /* begins turn */
{
	x = twist(x); /* turn calls twist */
	BURN(x);      /* burns turn */
	return x;
}

/* The compiler makes a clone of it for the one value it is called with. */
__attribute__((noinline)) static uint64_t times(uint64_t x, uint64_t by) /* begins times */
{
	BURN(x); /* burns times */
	return x * by;
}

/* A block that ends in a call of a cold function is put apart, far from the rest of its own. */
APART static uint64_t usual(uint64_t x, int is_rare) /* begins usual */
{
	if (is_rare) {
		BURN(x);     /* burns usual, apart */
		x = rare(x); /* usual calls rare */
	}
	BURN(x); /* burns usual */
	return x;
}

int main(void) /* begins main */
{
	uint64_t x = 1;

	say_ready();
	for (;;) {
		x = turn(x);     /* main calls turn */
		x = more(x);     /* main calls more */
		x = times(x, 7); /* main calls times */
		x = usual(x, 1); /* main calls usual */
	}
}
