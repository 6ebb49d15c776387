/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What a tick of a perf event interrupted. */
#ifndef EXOPROF_TICK_BPF_H
#define EXOPROF_TICK_BPF_H

#include <linux/bpf_perf_event.h>

#include "start.bpf.h"

#define CPU_CHUNKS 32768

/* They are forgotten when nobody asks any more. */
STACK_MAP(cpu_stacks, CPU_CHUNKS);

static __always_inline void start_from_tick(struct bpf_perf_event_data *ctx, struct walk *walk)
{
#define FROM_TICK(number, kernel, user) walk->registers[number] = ctx->regs.user;
	REGISTERS(FROM_TICK)
	walk->pc = ctx->regs.rip;
	walk->sp = ctx->regs.rsp;
	walk->bp = ctx->regs.rbp;
}

/* The frames of user space, if there are any. */
static __always_inline void tick_add_user(struct bpf_perf_event_data *ctx, struct scratch *scratch)
{
	struct walk *walk = &scratch->walk;

	if (!FROM_USER_MODE(ctx->regs.cs)) {
		stack_add_caller(scratch);
		return;
	}
	walk->exact = 1;
	start_from_tick(ctx, walk);
	if (is_trampoline(walk, walk->pc))
		leave_trampoline(walk);
	stack_add_user(scratch);
}

/* The hash of the interrupted stack. `outcome` says what became of it. */
static __always_inline __u64 tick_stack(struct bpf_perf_event_data *ctx, __u32 era,
					enum wire_source source, enum wire_counter *outcome)
{
	struct scratch *scratch = scratch_take();
	__u64 stack;

	if (!scratch) {
		*outcome = WIRE_CPU_STACK_BUSY;
		return WIRE_STACK_LOST;
	}
	stack_start(scratch, era);
	if (!FROM_USER_MODE(ctx->regs.cs))
		stack_add_kernel(scratch, ctx);
	tick_add_user(ctx, scratch);
	if (scratch->walk.frame_pointers)
		count_many(WIRE_CPU_FRAME_POINTERS, scratch->walk.frame_pointers);
	stack = stack_intern(&cpu_stacks, WIRE_FILL_CPU_STACKS, scratch, source);
	scratch_give_back(scratch);
	*outcome = stack == WIRE_STACK_LOST ? WIRE_CPU_STACK_FULL : WIRE_CPU_COUNTED;
	return stack;
}

#endif
