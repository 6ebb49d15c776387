/* SPDX-License-Identifier: Apache-2.0 */
/* What one instruction does to the stack pointer, to rbp, and to the flow of control. Pure: bytes
 * in, a state out. */
#ifndef EXOPROF_STACK_EFFECT_H
#define EXOPROF_STACK_EFFECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bp_value {
	BP_OF_CALLER,
	BP_OF_FRAME, /* rsp as it was at `bp_depth` */
	BP_OTHER,
};

/* Before an instruction, since the entry of its function. All 0 is an entry. */
struct stack_state {
	int32_t depth;    /* bytes that rsp is below the return address */
	int32_t bp_slot;  /* depth right behind the push of the caller's rbp; 0: it is not there */
	int32_t bp_depth; /* if bp_value is BP_OF_FRAME, else 0 */
	int32_t bp_value; /* enum bp_value: what rbp holds */
};

enum stack_flow {
	FLOW_NEXT,   /* to the next instruction */
	FLOW_CALL,   /* there, too: from the target, with the same state */
	FLOW_BRANCH, /* to the next or to the target */
	FLOW_JUMP,   /* to the target */
	FLOW_RETURN,
	FLOW_END,     /* to where the instruction does not say, or nowhere */
	FLOW_UNKNOWN, /* what becomes of the stack is not understood */
};

struct stack_step {
	enum stack_flow flow;
	uint8_t length; /* of the instruction; 0 if it cannot be decoded */
	bool has_target;
	uint64_t target;
};

/* Takes the state behind the first instruction of the `size` bytes of code, which is at `vaddr`. */
struct stack_step stack_effect__follow(struct stack_state *state, const uint8_t *code, size_t size,
				       uint64_t vaddr);

#endif
