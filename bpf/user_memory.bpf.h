/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Reading what a walk needs of user memory: the current process's as it is, or another one's out of
 * a copy. A program that may sleep makes the copy, of a thread that does not run. */
#ifndef EXOPROF_USER_MEMORY_BPF_H
#define EXOPROF_USER_MEMORY_BPF_H

#include "maps.bpf.h"

/* Of its stack, from somewhere on, and of the code around pc: enough for a look at whether the
 * function that was interrupted has a frame. Powers of two, so that an index that is masked is one
 * that is checked. */
#define COPY_STACK_BYTES 65536
#define COPY_CODE_BYTES  64

/* No read is larger. */
#define COPY_READ_MAX    512

struct user_copy {
	__u64 stack_start, code_start; /* runtime addresses */
	__u32 stack_bytes, code_bytes; /* that there are */
	__u8 stack[2 *
		   COPY_STACK_BYTES]; /* as the verifier sees it: a copy's size is masked, too */
	__u8 code[COPY_CODE_BYTES + COPY_READ_MAX];
};

/* One is enough: user space walks the threads one after the other. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct user_copy);
} user_copies __weak SEC(".maps");

/* A stack goes on above what was copied of it, this far at most: RLIMIT_STACK's default. */
#define COPY_STACK_REACH (8 << 20)

static __noinline long read_copy(struct walk *walk, void *to, __u32 bytes, __u64 address)
{
	__u32 zero = 0;
	struct user_copy *copy = bpf_map_lookup_elem(&user_copies, &zero);
	__u64 at;

	if (!copy || bytes > COPY_READ_MAX)
		return -1;
	at = address - copy->stack_start;
	if (at < copy->stack_bytes && copy->stack_bytes - at >= bytes)
		return bpf_probe_read_kernel(to, bytes, &copy->stack[at & (COPY_STACK_BYTES - 1)]);
	if (at < COPY_STACK_REACH) {
		walk->missing = address;
		return -1;
	}
	at = address - copy->code_start;
	if (at < copy->code_bytes && copy->code_bytes - at >= bytes)
		return bpf_probe_read_kernel(to, bytes, &copy->code[at & (COPY_CODE_BYTES - 1)]);
	return -1;
}

static __always_inline long read_user(struct walk *walk, void *to, __u32 bytes, __u64 address)
{
	if (walk->is_copy)
		return read_copy(walk, to, bytes, address);
	return bpf_probe_read_user(to, bytes, (void *)address);
}

#endif
