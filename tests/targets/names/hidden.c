/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that the dynamic symbol table names, and between them, in the order of this file, ones
 * that no stripped file tells of. Burns CPU until killed. */
#include "mix.h"

/* What is installed in its place has other names for the same addresses. */
#ifdef OTHER
#define shown_first    other_first
#define hidden_between other_between
#define shown_last     other_last
#define hidden_last    other_hidden
#endif

APART uint64_t shown_first(uint64_t x) /* begins shown_first */
{
	BURN(x); /* burns shown_first */
	return x;
}

APART static uint64_t hidden_between(uint64_t x) /* begins hidden_between */
{
	x = mix(x); /* hidden_between calls mix */
	BURN(x);    /* burns hidden_between */
	return x;
}

APART uint64_t shown_last(uint64_t x) /* begins shown_last */
{
	x = mix(x); /* shown_last calls mix */
	BURN(x);    /* burns shown_last */
	return x;
}

APART static uint64_t hidden_last(uint64_t x) /* begins hidden_last */
{
	x = shown_first(x);    /* hidden_last calls shown_first */
	x = hidden_between(x); /* hidden_last calls hidden_between */
	x = shown_last(x);     /* hidden_last calls shown_last */
	BURN(x);               /* burns hidden_last */
	return x;
}

int main(void) /* begins main */
{
	uint64_t x = 1;

	say_ready();
	for (;;) {
		x = hidden_last(x); /* main calls hidden_last */
		STAY();
	}
}
