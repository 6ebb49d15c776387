// SPDX-License-Identifier: Apache-2.0
#include "profile/scale.h"

#include <math.h>

/* Doubles hold integers exactly up to here; real totals stay below it. */
#define EXACT_MAX 9007199254740992.0

static int64_t rounded(double value)
{
	return llround(fmax(-EXACT_MAX, fmin(value, EXACT_MAX)));
}

double scale__objects(uint64_t size, uint64_t rate)
{
	if (rate <= 1 || !size)
		return 1;
	return 1 / -expm1(-(double)size / (double)rate);
}

int64_t scale__count(int64_t objects, uint64_t size, uint64_t rate)
{
	return rounded(objects * scale__objects(size, rate));
}

int64_t scale__bytes(int64_t objects, uint64_t size, uint64_t rate)
{
	return rounded(objects * scale__objects(size, rate) * size);
}
