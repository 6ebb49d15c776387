/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What is known of a thread that is off the CPU. */
#ifndef EXOPROF_WAIT_BPF_H
#define EXOPROF_WAIT_BPF_H

#include "start.bpf.h"

/* include/linux/sched.h; CO-RE finds the offsets. */
struct task_struct___wait {
	int pid, tgid, on_cpu;
	unsigned int flags, __state;
	char comm[WIRE_COMM_BYTES];
} __attribute__((preserve_access_index));

#define PF_KTHREAD 0x00200000

/* include/linux/bpf.h, struct bpf_iter__task; include/linux/bpf.h, struct bpf_iter_meta */
struct bpf_iter_meta {
	struct seq_file *seq;
} __attribute__((preserve_access_index));

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
} __attribute__((preserve_access_index));

/* Of each thread that is followed. */
struct off {
	__u64 since_ns; /* when it left the CPU; 0: it is on one */
	__u32 state;    /* see struct wire_wait */
	__u32 outcome;  /* enum wire_counter: of the stack, where it was walked then */
	__u64 stack;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct off);
} offcpu_off __weak SEC(".maps");

/* The process whose waits begin to count; set by user space. */
volatile __u32 offcpu_begun __weak = 0;

static __always_inline void read_comm(struct task_struct *task, __u8 comm[WIRE_COMM_BYTES])
{
	/* Before 5.17 what is behind the end is of an earlier name. */
	__builtin_memset(comm, 0, WIRE_COMM_BYTES);
	bpf_probe_read_kernel_str(comm, WIRE_COMM_BYTES, ((struct task_struct___wait *)task)->comm);
}

/* The registers that a system call's number and arguments are in (System V ABI, AMD64 supplement,
 * A.2.1). */
struct pt_regs___call {
	unsigned long orig_ax, si, dx, r10, ip;
} __attribute__((preserve_access_index));

#define NR_FUTEX       202 /* arch/x86/entry/syscalls/syscall_64.tbl */
#define FUTEX_CMD_MASK 127 /* include/uapi/linux/futex.h */

static __always_inline void describe_futex(struct pt_regs___call *saved, struct wire_wait *wait)
{
	__u32 value = BPF_CORE_READ(saved, dx);

	wait->futex = (BPF_CORE_READ(saved, si) & FUTEX_CMD_MASK) + 1;
	wait->futex_value = value < 255 ? value : 255;
	wait->futex_has_timeout = BPF_CORE_READ(saved, r10) != 0;
}

/* `state` as in struct task_struct. */
static __always_inline void describe_wait(struct task_struct *task, __u32 state,
					  struct wire_wait *wait)
{
	struct pt_regs___call *saved = (void *)bpf_task_pt_regs(task);
	/* Of what is no system call it is -1, or an interrupt's number below that. */
	long number = BPF_CORE_READ(saved, orig_ax);

	*wait = (struct wire_wait){
		.syscall = number >= 0 && number < 0x7fff ? number : -1,
		.state = state,
	};
	if (!BPF_CORE_READ(saved, ip))
		wait->syscall = WIRE_SYSCALL_WORKER;
	else if (number == NR_FUTEX)
		describe_futex(saved, wait);
}

/* Where the scheduler's own code is; 0: nobody knows. */
volatile __u64 scheduler_start __weak = 0;
volatile __u64 scheduler_end __weak = 0;

/* Drops the kernel's frames that are the scheduler's, and those of a tracepoint in it, so that a
 * stack begins where a thread called for it to wait: as /proc/PID/stack has it, and as it is seen
 * from another thread (kernel/stacktrace.c, stack_trace_consume_entry_nosched). Global, as
 * walk_step() is and for the same reason. */
__weak __noinline int stack_drop_scheduler(struct scratch *scratch)
{
	volatile __u32 *kept;
	bool is_met = false;
	__u32 depth;

	if (!scratch)
		return 0;
	depth = scratch->depth;
	/* Counted in memory: there the verifier does not follow each value. */
	kept = &scratch->depth;
	*kept = 0;
	/* One way through the body: clang lays two ways out so that one of them falls into the
	 * loop from its end, which verifiers of old take for a loop without a jump (6.1:
	 * "back-edge"). Until the scheduler is met each word is put where it was. */
	for (__u32 i = 1; i <= WIRE_KERNEL_DEPTH && i <= depth; i++) {
		__u64 pc = scratch->words[i];
		bool is_scheduler = pc >= scheduler_start && pc < scheduler_end;
		__u32 to = is_met ? *kept + 1 : i;

		scratch->words[to & (SCRATCH_WORDS - 1)] = pc;
		*kept += is_met & !is_scheduler;
		is_met |= is_scheduler;
	}
	if (!is_met)
		*kept = depth;
	scratch->head.kernel_depth = *kept;
	return 0;
}

#endif
