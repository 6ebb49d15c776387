// SPDX-License-Identifier: Apache-2.0
#include "base/spare_memory.h"

#include <malloc.h>

/* glibc learns from the largest block that was freed to keep twice as much at the end of each arena
 * (mallopt(3): M_MMAP_THRESHOLD; up to 64 MiB), of which malloc_trim() gives back none but the main
 * arena's (glibc 2.36, malloc/malloc.c: mtrim(), heap_trim()). Fixed sizes stop that. */
#define LARGE_BYTES (1 << 20)
#define KEPT_BYTES  (128 << 10)

/* An arena of its own for each thread would take 64 MiB of address space, which may be limited, for
 * threads that seldom allocate at the same time. */
#define ARENAS_MAX  1

void spare_memory__limit(void)
{
	mallopt(M_ARENA_MAX, ARENAS_MAX);
	mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
	mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
}

void spare_memory__give_back(void)
{
	malloc_trim(0);
}
