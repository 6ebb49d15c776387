/* SPDX-License-Identifier: Apache-2.0 */
/* Where a function's first instructions can be left by a jump to a stub, and come back to. Pure:
 * bytes in, a place out. */
#ifndef EXOPROF_HOOK_PLACE_H
#define EXOPROF_HOOK_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* jmp rel32 */
#define HOOK_JUMP_BYTES 5

/* What a stub has a copy of ends within so many bytes of the function's entry. */
#define HOOK_COPY_MAX   48

struct hook_place {
	uint32_t offset; /* of the jump, from the function's entry */
	uint32_t end;    /* of the last instruction that the jump lies on; from the entry, too */
	uint32_t depth;  /* bytes that what comes before the jump has taken from the stack */
	/* The jump covers the entry and the beginning of a second instruction: a uprobe that
	 * another tool sets on the entry would have the kernel go on in the middle of it. */
	bool covers_entry;
};

/* Where a stub may take r10, r11 and the flags for itself, and find the arguments, rbp and all that
 * is the caller's as they were at the entry: `depth` bytes above rsp is the return address. `code`
 * is the whole function, at that address. `may_call`: the jump may lie on a call, too, which then
 * comes back to the stub: not where an exception might pass there. 0, or -ENOTSUP where there is no
 * such place, with `why` in a few words, a constant. */
int hook_place__find(const unsigned char *code, size_t size, uint64_t address, bool may_call,
		     struct hook_place *place, const char **why);

/* Whether a jump or a call in `code`, which is at that address, may lead into the bytes between
 * `first` and `end`, as far as one of 32 bits goes. Looks at every byte as if an instruction's
 * operand began there: what it says it does not find is not there. */
bool hook_place__is_branched_to(const unsigned char *code, size_t size, uint64_t address,
				uint64_t first, uint64_t end);

#endif
