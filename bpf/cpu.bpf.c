// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* CPU time: a perf event ticks on every CPU, and the ticks that find a process running that is
 * followed are added up by stack. */
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
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8;
	unsigned long ax, cx, dx, si, di, ip, cs, sp;
} __attribute__((preserve_access_index));

#define FROM_USER_MODE(cs) (((cs)&3) == 3)

/* One list for both: FIELD(DWARF's number, the kernel's name, user space's name). */
#define REGISTERS(FIELD)    \
	FIELD(0, ax, rax)   \
	FIELD(1, dx, rdx)   \
	FIELD(2, cx, rcx)   \
	FIELD(3, bx, rbx)   \
	FIELD(4, si, rsi)   \
	FIELD(5, di, rdi)   \
	FIELD(8, r8, r8)    \
	FIELD(9, r9, r9)    \
	FIELD(10, r10, r10) \
	FIELD(11, r11, r11) \
	FIELD(12, r12, r12) \
	FIELD(13, r13, r13) \
	FIELD(14, r14, r14) \
	FIELD(15, r15, r15)

static __always_inline void start_from_tick(struct bpf_perf_event_data *ctx, struct walk *walk)
{
#define FROM_TICK(number, kernel, user) walk->registers[number] = ctx->regs.user;
	REGISTERS(FROM_TICK)
	walk->pc = ctx->regs.rip;
	walk->sp = ctx->regs.rsp;
	walk->bp = ctx->regs.rbp;
}

#define BREAKPOINT 0xcc

/* While the kernel handles a uprobe, pc is first one behind the breakpoint, then at it, and at
 * last, when the instruction has been emulated, behind it for good (kernel/events/uprobes.c,
 * handle_swbp). What is probed is nearly always a push: before it a return address is at [rsp],
 * after it a register's value. The walk wants pc at the breakpoint with rsp as before, or both as
 * after. */
static __always_inline void settle_breakpoint(struct walk *walk)
{
	bool is_at, is_behind, is_pushed;
	__u8 code[2];
	__u64 top;

	if (bpf_probe_read_user(code, sizeof(code), (void *)(walk->pc - 1)))
		return;
	is_at = code[1] == BREAKPOINT;
	is_behind = code[0] == BREAKPOINT && !is_at;
	if ((!is_at && !is_behind) || bpf_probe_read_user(&top, sizeof(top), (void *)walk->sp))
		return;
	is_pushed = !is_trampoline(walk, top) && !is_code(walk, top);
	if (is_at && is_pushed)
		walk->sp += 8;
	if (is_behind && !is_pushed)
		walk->pc--;
}

/* Where the tick landed in the kernel: the user registers are at the top of the kernel stack. False
 * for a thread that has none. */
static __always_inline bool start_from_kernel_stack(struct walk *walk)
{
	struct pt_regs___kernel *saved = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());

	if (!FROM_USER_MODE(BPF_CORE_READ(saved, cs)))
		return false;
#define FROM_SAVED(number, kernel, user) walk->registers[number] = BPF_CORE_READ(saved, kernel);
	REGISTERS(FROM_SAVED)
	walk->pc = BPF_CORE_READ(saved, ip);
	walk->sp = BPF_CORE_READ(saved, sp);
	walk->bp = BPF_CORE_READ(saved, bp);
	settle_breakpoint(walk);
	return true;
}

static __always_inline bool start_walk(struct bpf_perf_event_data *ctx, struct walk *walk)
{
	walk->exact = 1;
	if (FROM_USER_MODE(ctx->regs.cs))
		start_from_tick(ctx, walk);
	else if (!start_from_kernel_stack(walk))
		return false;
	if (is_trampoline(walk, walk->pc))
		leave_trampoline(walk);
	return true;
}

/* The hash of the interrupted stack. `outcome` says what became of it. */
static __always_inline __u64 current_stack(struct bpf_perf_event_data *ctx, __u32 era,
					   enum wire_counter *outcome)
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
	if (start_walk(ctx, &scratch->walk))
		stack_add_user(scratch);
	if (scratch->walk.frame_pointers)
		count_many(WIRE_CPU_FRAME_POINTERS, scratch->walk.frame_pointers);
	stack = stack_intern(&cpu_stacks, scratch, WIRE_SOURCE_CPU);
	scratch_give_back(scratch);
	*outcome = stack == WIRE_STACK_LOST ? WIRE_CPU_STACK_FULL : WIRE_CPU_COUNTED;
	return stack;
}

/* Adds one to the count of this thread with this stack in this epoch. */
static __always_inline bool add_sample(__u64 stack, __u32 era)
{
	struct wire_cpu_key key = {.stack = stack, .epoch = cpu_epoch, .era = era};
	__u64 one = 1;
	__u64 *samples;

	bpf_get_current_comm(key.comm, sizeof(key.comm));
	samples = bpf_map_lookup_elem(&cpu_counts, &key);
	if (!samples) {
		if (!bpf_map_update_elem(&cpu_counts, &key, &one, BPF_NOEXIST)) {
			count_fill(WIRE_FILL_CPU_COUNTS, 1);
			return true;
		}
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
	__u32 era = this_era();
	__u64 stack;

	if (!era)
		return 0;
	stack = current_stack(ctx, era, &outcome);
	count(add_sample(stack, era) ? outcome : WIRE_CPU_LOST);
	return 0;
}
