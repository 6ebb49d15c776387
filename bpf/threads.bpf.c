// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The stacks of all threads as they are now. Those that are off the CPU are walked from outside:
 * their registers are in the kernel, their stack is copied. Those that run are met by a tick: see
 * cpu.bpf.c. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "kept.bpf.h"
#include "tick.bpf.h"
#include "wait.bpf.h"

char LICENSE[] SEC("license") __weak = "Dual BSD/GPL";

struct task_struct___run {
	int pid, tgid, on_cpu, exit_state;
	/* NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): its name */
	unsigned int flags, __state;
	unsigned long nvcsw, nivcsw; /* times it has left the CPU */
} __attribute__((preserve_access_index));

/* Changes when the thread runs: while it does, or has left the CPU once more. */
static __always_inline __u64 runs_of(const struct task_struct___run *task)
{
	return task->nvcsw + task->nivcsw;
}

static __always_inline bool try_copy(struct user_copy *copy, struct task_struct *task, __u32 bytes)
{
	copy->stack_bytes = bytes;
	return !bpf_copy_from_user_task(copy->stack, bytes & (2 * COPY_STACK_BYTES - 1),
					(void *)copy->stack_start, task, 0);
}

/* As much as there is from here on, by and by: a copy fails where the mapping ends. A read may
 * begin in one page and end in the next. */
static __always_inline void copy_stack(struct user_copy *copy, struct task_struct *task,
				       __u64 address)
{
	__u32 to_page_end = PAGE_BYTES - (address & (PAGE_BYTES - 1));

	copy->stack_start = address;
	if (!try_copy(copy, task, COPY_STACK_BYTES) &&
	    !try_copy(copy, task, to_page_end + PAGE_BYTES) && !try_copy(copy, task, to_page_end))
		copy->stack_bytes = 0;
}

/* What lies before pc and behind it, for a look at the instructions there. */
#define CODE_BEFORE 16

static __always_inline void copy_code(struct user_copy *copy, struct task_struct *task, __u64 pc)
{
	copy->code_start = pc - CODE_BEFORE;
	copy->code_bytes = COPY_CODE_BYTES;
	if (bpf_copy_from_user_task(copy->code, COPY_CODE_BYTES, (void *)copy->code_start, task, 0))
		copy->code_bytes = 0;
}

/* 2 MiB of stack. */
#define COPIES_MAX 32

static __always_inline void walk_copy(struct scratch *scratch, struct user_copy *copy,
				      struct task_struct *task)
{
	struct walk *walk = &scratch->walk;
	__u64 from = walk->sp, last;

	walk->is_copy = 1;
	copy_code(copy, task, walk->pc);
	for (int i = 0; i < COPIES_MAX; i++) {
		copy_stack(copy, task, from & ~7ULL);
		if (!i) {
			start_settled(walk);
			walk->missing = 0;
		}
		last = from;
		stack_add_user(scratch);
		if (scratch->head.end == WIRE_END_OUTERMOST || !walk->missing)
			break;
		/* The step is done anew: all that it reads is above its frame's end. */
		from = walk->missing - walk->sp < COPY_STACK_BYTES - COPY_READ_MAX ? walk->sp
										   : walk->missing;
		if (from == last)
			break;
	}
}

/* Whether nothing but since when they are off the CPU is of interest. Set by user space, as is the
 * next. */
volatile __u32 threads_only_since = 0;

/* Whether threads are looked at whose waits begin to be followed, for which nobody else has walked
 * their stacks (see offcpu_walks_at_switch). */
volatile __u32 threads_begin_waits = 0;

/* The hash of a thread's stack that does not run. */
static __always_inline __u64 stack_of(struct task_struct *task, __u32 era)
{
	struct scratch *scratch = scratch_take();
	__u32 zero = 0;
	struct user_copy *copy = bpf_map_lookup_elem(&user_copies, &zero);
	__u64 stack;

	if (!scratch)
		return WIRE_STACK_LOST;
	stack_start_of(scratch, era, task);
	stack_take_kernel(scratch, bpf_get_task_stack(task, &scratch->words[1],
						      WIRE_KERNEL_DEPTH * sizeof(__u64), 0));
	if (copy && start_from_kernel_stack(&scratch->walk, task))
		walk_copy(scratch, copy, task);
	if (threads_begin_waits)
		stack = stack_intern(&kept_stacks, WIRE_FILL_KEPT_STACKS, scratch,
				     WIRE_SOURCE_OFFCPU);
	else
		stack = stack_intern(&cpu_stacks, WIRE_FILL_CPU_STACKS, scratch,
				     WIRE_SOURCE_THREAD);
	scratch_give_back(scratch);
	return stack;
}

static __always_inline void look_at(struct task_struct *task, struct wire_thread *thread)
{
	struct task_struct___run *runs = (void *)task;
	struct off *off = bpf_task_storage_get(&offcpu_off, task, NULL, 0);
	__u64 before = runs_of(runs);

	if (runs->on_cpu) {
		thread->look = WIRE_LOOK_RUNS;
		return;
	}
	if (off)
		thread->since_ns = off->since_ns;
	describe_wait(task, runs->__state | runs->exit_state, &thread->wait);
	if (threads_only_since)
		return;
	thread->stack = stack_of(task, thread->era);
	if (runs->on_cpu || runs_of(runs) != before)
		thread->look = WIRE_LOOK_MOVED;
	else if (thread->stack == WIRE_STACK_LOST)
		thread->look = WIRE_LOOK_LOST;
}

/* As offcpu_begin() does. */
static __always_inline void begin_wait_of(struct task_struct *task,
					  const struct wire_thread *thread)
{
	struct off *off =
		bpf_task_storage_get(&offcpu_off, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!off || off->since_ns ||
	    (thread->look != WIRE_LOOK_TAKEN && thread->look != WIRE_LOOK_LOST))
		return;
	off->state = thread->wait.state;
	off->stack = thread->stack;
	off->outcome = thread->look == WIRE_LOOK_LOST ? WIRE_WAIT_STACK_FULL : WIRE_WAIT_COUNTED;
	off->since_ns = bpf_ktime_get_ns();
}

/* Writes a struct wire_thread for each thread that is followed. */
SEC("iter.s/task")
int threads_look(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct task_struct___run *runs = (void *)task;
	struct wire_thread thread = {};
	struct wire_process *process;
	__u32 tgid;

	if (!task || runs->flags & PF_KTHREAD)
		return 0;
	tgid = runs->tgid;
	process = bpf_map_lookup_elem(&processes, &tgid);
	if (!process || (threads_begin_waits && tgid != offcpu_begun))
		return 0;
	thread.tid = runs->pid;
	thread.tgid = tgid;
	thread.era = process->era;
	read_comm(task, thread.comm);
	look_at(task, &thread);
	if (threads_begin_waits)
		begin_wait_of(task, &thread);
	else
		bpf_seq_write(ctx->meta->seq, &thread, sizeof(thread));
	return 0;
}
