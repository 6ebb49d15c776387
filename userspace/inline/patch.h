/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of a stopped process are made to lead to a stub, and back to themselves. */
#ifndef EXOPROF_PATCH_H
#define EXOPROF_PATCH_H

#include <stddef.h>
#include <stdint.h>

#include "inline/hook_place.h"
#include "inline/room.h"
#include "inline/stopped.h"

struct patch {
	uint64_t address; /* of the jump */
	uint32_t covered; /* bytes of the instructions that it lies on */
	unsigned char former[HOOK_JUMP_BYTES];
	unsigned char jump[HOOK_JUMP_BYTES];
};

void patch__make(struct patch *patch, uint64_t address, uint32_t covered,
		 const unsigned char *former, uint64_t entry);

/* Writes all of the jumps, in their order, or none. `mappings` are the process's, sorted.
 *   0
 *   -EAGAIN	a thread is in the middle of what a jump covers, or may return there
 *   -EBADMSG	the code is not what it was
 * or what the kernel said. */
int patches__apply(struct stopped *stopped, const struct patch *patches, size_t count,
		   const struct room_range *mappings, size_t mapping_count);

/* The former bytes again, the last first, where the jumps are still: what another tool has written
 * there since is its own. A thread may be anywhere: behind the jump the code is what it was. 0, or
 * what the kernel said of the first that could not be written; the others are all the same. */
int patches__undo(struct stopped *stopped, const struct patch *patches, size_t count);

/* Whether a thread executes what is between these addresses, or may return there. */
bool stopped__is_in(struct stopped *stopped, uint64_t start, uint64_t end,
		    const struct room_range *mappings, size_t mapping_count);

#endif
