/* SPDX-License-Identifier: Apache-2.0 */
/* Which functions of which file the target gets its heap from. */
#ifndef EXOPROF_ALLOCATOR_H
#define EXOPROF_ALLOCATOR_H

#include "target/maps.h"

enum allocator_call {
	ALLOCATOR_MALLOC,
	ALLOCATOR_CALLOC,
	ALLOCATOR_REALLOC,
	ALLOCATOR_FREE,
	ALLOCATOR_CALLS,
};

struct allocator {
	struct elf_file *file;
	uint64_t probe_offsets[ALLOCATOR_CALLS]; /* in the file: where to probe each function */
	char *other; /* another file that defines malloc and may stand before this one, or NULL */
};

/* Finds glibc's among the mapped files. 0; -ENOENT where the target has not mapped it; -errno. */
int allocator__find(struct allocator *allocator, const struct maps *maps);
void allocator__release(struct allocator *allocator);

#endif
