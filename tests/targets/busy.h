/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that keep the CPU busy, for programs whose shares of CPU time are known. */
#ifndef TARGETS_BUSY_H
#define TARGETS_BUSY_H

#include <stdint.h>

/* noipa: not inlined, not cloned, and nothing is known of it at the call. */
#define APART         __attribute__((noipa))

/* gcc leaves the frame of a leaf function out where nothing needs it, whatever it is told, and a
 * walk by frame pointers then loses the caller. */
#define NEEDS_FRAME() __asm__ volatile("" : : "r"(__builtin_frame_address(0)))

/* uint64_t name(uint64_t rounds): 300,000 rounds take about a millisecond. */
#define BUSY_FUNCTION(name)                                        \
	APART static uint64_t name(uint64_t rounds)                \
	{                                                          \
		uint64_t x = rounds;                               \
                                                                   \
		NEEDS_FRAME();                                     \
		for (uint64_t i = 0; i < rounds; i++)              \
			__asm__ volatile("imul %0, %0" : "+r"(x)); \
		return x;                                          \
	}

#endif
