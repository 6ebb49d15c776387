/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* One frame back. Pure stepping: knows registers and the stack, no maps. */
#ifndef EXOPROF_UNWIND_BPF_H
#define EXOPROF_UNWIND_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "wire.h"

struct walk {
	__u64 pc;
	__u64 sp;
	__u64 bp;
};

#define WALK_GOES_ON (-1)

/* By frame pointer: the caller's rbp is at [rbp], the return address above it (System V ABI, AMD64
 * supplement, figure 3.3). Gives WALK_GOES_ON, or the enum wire_stack_end it stopped at. */
static __always_inline int walk_step(struct walk *walk)
{
	__u64 frame[2];

	if (!walk->bp)
		return WIRE_END_OUTERMOST;
	if (walk->bp < walk->sp || walk->bp & 7)
		return WIRE_END_BAD_FRAME;
	if (bpf_probe_read_user(frame, sizeof(frame), (void *)walk->bp))
		return WIRE_END_READ_FAULT;
	if (!frame[1])
		return WIRE_END_OUTERMOST;
	walk->sp = walk->bp + sizeof(frame);
	walk->bp = frame[0];
	walk->pc = frame[1];
	return WALK_GOES_ON;
}

#endif
