/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of instructions that does elsewhere what they do where they are. Pure. */
#ifndef EXOPROF_CODE_COPY_H
#define EXOPROF_CODE_COPY_H

#include <stddef.h>
#include <stdint.h>

/* The most that so many bytes of code can become: a call of two bytes is copied as eleven. */
#define CODE_COPY_ROOM(size) ((size)*6)

struct code_copy {
	unsigned char *bytes; /* the caller's, with room for CODE_COPY_ROOM() */
	size_t size;
};

/* Copies the instructions in `size` bytes, made to be executed at `from`, for `to`. What leads to
 * another address leads there from the copy, too, which must be within 2 GiB of it; a call leaves
 * no trace on the stack of where it came back to, below rsp. 0; -ERANGE where it is not; -ENOTSUP
 * for an instruction that cannot be moved. */
int code_copy__make(struct code_copy *copy, const unsigned char *code, size_t size, uint64_t from,
		    uint64_t to);

#endif
