// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Time off the CPU: when a thread leaves it the clock is read, when it is back its stack is walked
 * and the time is added up. Its stack is what it was: it did not run. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "kept.bpf.h"
#include "start.bpf.h"
#include "wait.bpf.h"

char LICENSE[] SEC("license") __weak = "Dual BSD/GPL";

#define OFFCPU_COUNTS 32768

/* Waits below this are only counted. */
const volatile __u64 offcpu_min_ns = 1000;

/* Of waits that are shorter than this one in so many is sampled that one sample comes with this
 * much time on average. */
const volatile __u64 offcpu_rate_ns = 100000;

/* The kernel has no tracepoint where a thread is back on the CPU (before 6.16): the stack is walked
 * when it leaves, whether it will be wanted or not. */
const volatile __u32 offcpu_walks_at_switch = 0;

/* The tracepoint tells with what state a thread leaves (from 5.18 on). It may have been woken
 * since: it has another one then. */
const volatile __u32 offcpu_is_told_state = 0;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, OFFCPU_COUNTS);
	__type(key, struct wire_wait_key);
	__type(value, struct wire_wait_counts);
} offcpu_counts SEC(".maps");

/* One add for each: the two need not fit each other while the map is read. */
static __always_inline bool add_wait(const struct wire_wait_key *key, __u64 waits, __u64 ns)
{
	struct wire_wait_counts none = {};
	struct wire_wait_counts *counts =
		find_or_add(&offcpu_counts, WIRE_FILL_OFFCPU_COUNTS, key, &none);

	if (!counts)
		return false;
	__sync_fetch_and_add(&counts->waits, waits);
	__sync_fetch_and_add(&counts->ns, ns);
	return true;
}

/* The hash of the current thread's stack; `outcome` says what became of it. */
static __always_inline __u64 waiting_stack(void *ctx, __u32 era, enum wire_counter *outcome)
{
	struct scratch *scratch = scratch_take();
	__u64 stack;

	if (!scratch) {
		*outcome = WIRE_WAIT_STACK_BUSY;
		return WIRE_STACK_LOST;
	}
	stack_start(scratch, era);
	stack_add_kernel(scratch, ctx);
	stack_drop_scheduler(scratch);
	stack_add_caller(scratch);
	if (scratch->walk.frame_pointers)
		count_many(WIRE_WAIT_FRAME_POINTERS, scratch->walk.frame_pointers);
	stack = stack_intern(&kept_stacks, WIRE_FILL_KEPT_STACKS, scratch, WIRE_SOURCE_OFFCPU);
	scratch_give_back(scratch);
	*outcome = stack == WIRE_STACK_LOST ? WIRE_WAIT_STACK_FULL : WIRE_WAIT_COUNTED;
	return stack;
}

/* As Go's block profile does it (runtime/mprof.go, blocksampled and saveblockevent): a wait that is
 * shorter than the rate is sampled with probability ns / rate, and stands for rate / ns waits and
 * for `rate` ns. False where it is not sampled. */
static __always_inline bool sample_wait(__u64 *waits, __u64 *ns)
{
	*waits = WIRE_WAIT_ONE;
	if (*ns >= offcpu_rate_ns)
		return true;
	if (bpf_get_prandom_u32() * offcpu_rate_ns >> 32 >= *ns)
		return false;
	*waits = WIRE_WAIT_ONE * offcpu_rate_ns / *ns;
	*ns = offcpu_rate_ns;
	return true;
}

/* `state`: as in struct task_struct; 0: it could run. */
static __always_inline void begin_wait(void *ctx, struct task_struct___wait *task, __u32 state)
{
	__u32 tgid = task->tgid;
	struct wire_process *process;
	enum wire_counter outcome;
	struct off *off;

	/* The idle thread, and those of the kernel. */
	if (!tgid || task->flags & PF_KTHREAD)
		return;
	process = bpf_map_lookup_elem(&processes, &tgid);
	if (!process || (offcpu_walks_at_switch && !is_begun(process->era)))
		return;
	/* Made when the thread was, or the attach: here, where the run queue is locked, kernels
	 * before 6.4 must not be asked for memory. */
	off = bpf_task_storage_get(&offcpu_off, (void *)task, NULL, 0);
	if (!off) {
		if (is_begun(process->era))
			count(WIRE_WAIT_LOST_START);
		return;
	}
	if (off->since_ns)
		count(WIRE_WAIT_LOST_END);
	off->state = state;
	if (offcpu_walks_at_switch) {
		off->stack = waiting_stack(ctx, process->era, &outcome);
		off->outcome = outcome;
	}
	off->since_ns = bpf_ktime_get_ns();
}

/* Of `task`, which has been off the CPU since off->since_ns. */
static __always_inline void end_wait(void *ctx, struct task_struct *task, struct off *off)
{
	struct wire_wait_key key = {};
	__u64 ns = bpf_ktime_get_ns() - off->since_ns, waits;
	enum wire_counter outcome = off->outcome;
	__u32 tgid = ((struct task_struct___wait *)task)->tgid;
	struct wire_process *process;

	off->since_ns = 0;
	if (ns < offcpu_min_ns) {
		count(WIRE_WAIT_SHORT);
		count_many(WIRE_WAIT_SHORT_NS, ns);
		return;
	}
	if (!sample_wait(&waits, &ns)) {
		count(WIRE_WAIT_UNSAMPLED);
		return;
	}
	process = bpf_map_lookup_elem(&processes, &tgid);
	if (!process || !is_begun(process->era))
		return;
	key.era = process->era;
	key.stack = offcpu_walks_at_switch ? off->stack : waiting_stack(ctx, key.era, &outcome);
	describe_wait(task, off->state, &key.wait);
	read_comm(task, key.comm);
	if (!add_wait(&key, waits, ns)) {
		count(WIRE_WAIT_LOST);
		count_many(WIRE_WAIT_LOST_NS, ns);
		return;
	}
	count(outcome);
	if (!tid_wanted)
		return;
	key.tid = ((struct task_struct___wait *)task)->pid;
	add_wait(&key, waits, ns);
}

SEC("tp_btf/sched_switch")
int offcpu_switch(__u64 *ctx)
{
	/* (preempt, prev, next, prev_state), include/trace/events/sched.h */
	struct task_struct___wait *prev = (void *)ctx[1];
	struct task_struct *next = (void *)ctx[2];
	struct off *off;

	if (ctx[0])
		begin_wait(ctx, prev, 0);
	else
		begin_wait(ctx, prev, offcpu_is_told_state ? (__u32)ctx[3] : prev->__state);
	if (!offcpu_walks_at_switch)
		return 0;
	off = bpf_task_storage_get(&offcpu_off, next, NULL, 0);
	if (off && off->since_ns)
		end_wait(ctx, next, off);
	return 0;
}

/* In a thread that is back. */
SEC("tp_btf/sched_exit_tp")
int offcpu_back(__u64 *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct off *off = bpf_task_storage_get(&offcpu_off, task, NULL, 0);

	if (off && off->since_ns)
		end_wait(ctx, task, off);
	return 0;
}

/* For those of the threads of offcpu_begun that are off the CPU the time begins now. Nearly
 * always: one that is on its way back meanwhile may be taken for one that is still away, until it
 * leaves the next time. */
SEC("iter/task")
int offcpu_begin(struct bpf_iter__task *ctx)
{
	/* Read once: the verifier of 6.1 does not take another reading for the same. */
	struct task_struct *iterated = ctx->task;
	struct task_struct___wait *task = (void *)iterated;
	struct off *off;

	if (!task || task->flags & PF_KTHREAD || (__u32)task->tgid != offcpu_begun)
		return 0;
	off = bpf_task_storage_get(&offcpu_off, iterated, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!off || task->on_cpu)
		return 0;
	off->state = task->__state;
	off->outcome = WIRE_WAIT_STACK_BUSY;
	off->since_ns = bpf_ktime_get_ns();
	if (task->on_cpu)
		off->since_ns = 0;
	return 0;
}

/* Writes the hashes of the stacks that waits will be counted under which have not ended, where they
 * are walked at their beginning. */
SEC("iter/task")
int offcpu_held(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct off *off;

	if (!task)
		return 0;
	off = bpf_task_storage_get(&offcpu_off, task, NULL, 0);
	if (off && off->since_ns)
		bpf_seq_write(ctx->meta->seq, &off->stack, sizeof(off->stack));
	return 0;
}

/* Run by user space, once: its own way, through /proc/kallsyms, takes 60 ms. */
SEC("syscall")
int offcpu_find_scheduler(void *unused __attribute__((unused)))
{
	static const char start[] = "__sched_text_start", end[] = "__sched_text_end";
	__u64 start_address = 0, end_address = 0;

	if (bpf_kallsyms_lookup_name(start, sizeof(start), 0, &start_address) ||
	    bpf_kallsyms_lookup_name(end, sizeof(end), 0, &end_address))
		return 1;
	scheduler_start = start_address;
	scheduler_end = end_address;
	return 0;
}
