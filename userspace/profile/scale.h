/* SPDX-License-Identifier: Apache-2.0 */
/* What sampled objects stand for. */
#ifndef EXOPROF_SCALE_H
#define EXOPROF_SCALE_H

#include <stdint.h>

/* An object of `size` bytes is caught by a Poisson process of mean gap `rate` bytes with
 * probability p = 1 - exp(-size / rate), so that each one caught stands for 1/p. A rate of 1 or
 * less: every object was caught. */
double scale__objects(uint64_t size, uint64_t rate);

/* `objects` caught ones of that size, scaled and rounded: how many they stand for, and their bytes.
 */
int64_t scale__count(int64_t objects, uint64_t size, uint64_t rate);
int64_t scale__bytes(int64_t objects, uint64_t size, uint64_t rate);

#endif
