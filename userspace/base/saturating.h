/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of foreign numbers: what does not fit is the number that is nearest to it. */
#ifndef EXOPROF_SATURATING_H
#define EXOPROF_SATURATING_H

#include <stdint.h>

static inline int64_t saturating__add(int64_t a, int64_t b)
{
	int64_t sum;

	if (!__builtin_add_overflow(a, b, &sum))
		return sum;
	return b < 0 ? INT64_MIN : INT64_MAX;
}

static inline int64_t saturating__subtract(int64_t a, int64_t b)
{
	int64_t difference;

	if (!__builtin_sub_overflow(a, b, &difference))
		return difference;
	return b < 0 ? INT64_MAX : INT64_MIN;
}

#endif
