/* SPDX-License-Identifier: Apache-2.0 */
#include "inlines.h"

INLINED uint64_t fold(uint64_t x) /* begins fold */
{
	return mix(x) + 1; /* fold calls mix */
}

APART uint64_t more(uint64_t x) /* begins more */
{
	x = fold(x); /* more calls fold */
	BURN(x);     /* burns more */
	return x;
}

__attribute__((cold)) APART uint64_t rare(uint64_t x) /* begins rare */
{
	BURN(x); /* burns rare */
	return x;
}
