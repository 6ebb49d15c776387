/* SPDX-License-Identifier: Apache-2.0 */
/* Which functions of which file the target gets its heap from. */
#ifndef EXOPROF_ALLOCATOR_H
#define EXOPROF_ALLOCATOR_H

#include "target/maps.h"

enum allocator_call {
	ALLOCATOR_FREE,
	ALLOCATOR_CFREE,
	ALLOCATOR_REALLOCARRAY,
	ALLOCATOR_REALLOC,
	ALLOCATOR_CALLOC,
	ALLOCATOR_MALLOC,
	ALLOCATOR_POSIX_MEMALIGN,
	ALLOCATOR_ALIGNED_ALLOC,
	ALLOCATOR_MEMALIGN,
	ALLOCATOR_VALLOC,
	ALLOCATOR_PVALLOC,
	ALLOCATOR_CALLS,
};

struct allocator {
	struct elf_file *file;
	/* In the file, where to probe each function; 0 for one that it does not have, or that is
	 * another one by a second name: one probe is enough for both. */
	uint64_t probe_offsets[ALLOCATOR_CALLS];
	char *other; /* another file that defines malloc and may stand before this one, or NULL */
};

/* The function's name: "malloc". */
const char *allocator__call_name(enum allocator_call call);

/* Finds glibc's among the mapped files. 0; -ENOENT where the target has not mapped it; -errno. */
int allocator__find(struct allocator *allocator, const struct maps *maps);
void allocator__release(struct allocator *allocator);

#endif
