/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Exponential gaps in integers, for the kernel side, which has no floating point. Pure arithmetic:
 * the unit test compiles the same lines. */
#ifndef EXOPROF_POISSON_H
#define EXOPROF_POISSON_H

#include <linux/types.h>

#define POISSON_BITS     20
#define POISSON_LN2      726817ULL /* ln(2) << 20 */
#define POISSON_RATE_MAX (1ULL << 36)

/* -log2(u / 2^32) << 20, for u > 0. The fraction comes a bit at a time: squaring a number in [1, 2)
 * doubles its logarithm, and a result of 2 or more says that the next bit is set. */
static inline __u64 poisson_neg_log2(__u32 u)
{
	__u64 mantissa = u;
	__u64 log2 = 31;

	for (int i = 0; i < 31 && !(mantissa & 1ULL << 31); i++) {
		mantissa <<= 1;
		log2--;
	}
	for (int i = 0; i < POISSON_BITS; i++) {
		mantissa = mantissa * mantissa >> 31;
		log2 <<= 1;
		if (mantissa & 1ULL << 32) {
			mantissa >>= 1;
			log2 |= 1;
		}
	}
	return (32ULL << POISSON_BITS) - log2;
}

/* The next gap, in bytes, of a Poisson process with that mean gap: -rate * ln(uniform). `random` is
 * uniform over 32 bits; rate at most POISSON_RATE_MAX, so that 2^36 * 2^25 stays in 64 bits. */
static inline __u64 poisson_gap(__u64 rate, __u32 random)
{
	__u64 neg_ln = poisson_neg_log2(random ? random : 1) * POISSON_LN2 >> POISSON_BITS;

	return (rate * neg_ln >> POISSON_BITS) + 1;
}

#endif
