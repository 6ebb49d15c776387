/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOXED_H
#define BOXED_H

#include <stdint.h>

/* noipa: not inlined, not cloned, and nothing is known of it at the call. */
#define APART __attribute__((noipa))

/* About a millisecond. */
#define ROUND 300000

uint64_t boxed_library(uint64_t rounds);

#endif
