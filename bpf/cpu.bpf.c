// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* CPU time: a perf event ticks on every CPU, and the ticks that find the target running are added
 * up by stack. */
#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "stack.bpf.h"

char LICENSE[] SEC("license") __weak = "Dual BSD/GPL";

#define CPU_CHUNKS 32768
#define CPU_COUNTS 65536

/* Set by user space while sampling runs. */
volatile __u64 cpu_epoch = 0;

STACK_MAP(cpu_stacks, CPU_CHUNKS);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CPU_COUNTS);
	__type(key, struct wire_cpu_key);
	__type(value, __u64);
} cpu_counts SEC(".maps");

/* The kernel's own names for the saved registers; CO-RE finds the offsets. */
struct pt_regs___kernel {
	unsigned long bp, ip, cs, sp;
} __attribute__((preserve_access_index));

#define FROM_USER_MODE(cs) (((cs)&3) == 3)

/* The user registers of the interrupted thread: those of the tick, or, where it landed in the
 * kernel, those saved at the top of the kernel stack. False for a thread that has none. */
static __always_inline bool user_registers(struct bpf_perf_event_data *ctx, struct walk *walk)
{
	struct pt_regs___kernel *saved;

	if (FROM_USER_MODE(ctx->regs.cs)) {
		*walk = (struct walk){
			.pc = ctx->regs.rip, .sp = ctx->regs.rsp, .bp = ctx->regs.rbp};
		return true;
	}
	saved = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
	if (!FROM_USER_MODE(BPF_CORE_READ(saved, cs)))
		return false;
	walk->pc = BPF_CORE_READ(saved, ip);
	walk->sp = BPF_CORE_READ(saved, sp);
	walk->bp = BPF_CORE_READ(saved, bp);
	return true;
}

/* The hash of the interrupted stack. `outcome` says what became of it. */
static __always_inline __u64 current_stack(struct bpf_perf_event_data *ctx,
					   enum wire_counter *outcome)
{
	struct scratch *scratch = scratch_take();
	struct walk walk;
	__u64 stack;

	if (!scratch) {
		*outcome = WIRE_CPU_STACK_BUSY;
		return WIRE_STACK_LOST;
	}
	stack_start(scratch);
	if (!FROM_USER_MODE(ctx->regs.cs))
		stack_add_kernel(scratch, ctx);
	if (user_registers(ctx, &walk))
		stack_add_user(scratch, &walk);
	stack = stack_intern(&cpu_stacks, scratch);
	scratch_give_back(scratch);
	*outcome = stack == WIRE_STACK_LOST ? WIRE_CPU_STACK_FULL : WIRE_CPU_COUNTED;
	return stack;
}

/* Adds one to the stack's count in this epoch. */
static __always_inline bool add_sample(__u64 stack)
{
	struct wire_cpu_key key = {.stack = stack, .epoch = cpu_epoch};
	__u64 one = 1;
	__u64 *samples = bpf_map_lookup_elem(&cpu_counts, &key);

	if (!samples) {
		if (!bpf_map_update_elem(&cpu_counts, &key, &one, BPF_NOEXIST))
			return true;
		/* Another CPU may have been first. */
		samples = bpf_map_lookup_elem(&cpu_counts, &key);
		if (!samples)
			return false;
	}
	__sync_fetch_and_add(samples, 1);
	return true;
}

SEC("perf_event")
int cpu_tick(struct bpf_perf_event_data *ctx)
{
	enum wire_counter outcome;
	__u64 stack;

	if (!in_target())
		return 0;
	stack = current_stack(ctx, &outcome);
	count(add_sample(stack) ? outcome : WIRE_CPU_LOST);
	return 0;
}
