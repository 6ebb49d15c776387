/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Where the walk of a thread begins that is in the kernel: what it was at when it got there. */
#ifndef EXOPROF_START_BPF_H
#define EXOPROF_START_BPF_H

#include <bpf/bpf_core_read.h>

#include "stack.bpf.h"

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

	if (read_user(walk, code, sizeof(code), walk->pc - 1))
		return;
	is_at = code[1] == BREAKPOINT;
	is_behind = code[0] == BREAKPOINT && !is_at;
	if ((!is_at && !is_behind) || read_user(walk, &top, sizeof(top), walk->sp))
		return;
	is_pushed = !is_trampoline(walk, top) && !is_code(walk, top);
	if (is_at && is_pushed)
		walk->sp += 8;
	if (is_behind && !is_pushed)
		walk->pc--;
}

/* Of a thread that is in the kernel: the user registers are at the top of its kernel stack. False
 * for one that has none, has never been in user mode, or exits and has given its memory up. */
static __always_inline bool start_from_kernel_stack(struct walk *walk, struct task_struct *task)
{
	struct pt_regs___kernel *saved = (void *)bpf_task_pt_regs(task);

	if (!task->mm || !FROM_USER_MODE(BPF_CORE_READ(saved, cs)) || !BPF_CORE_READ(saved, ip))
		return false;
#define FROM_SAVED(number, kernel, user) walk->registers[number] = BPF_CORE_READ(saved, kernel);
	REGISTERS(FROM_SAVED)
	walk->pc = BPF_CORE_READ(saved, ip);
	walk->sp = BPF_CORE_READ(saved, sp);
	walk->bp = BPF_CORE_READ(saved, bp);
	walk->exact = 1;
	return true;
}

/* Before the first step of such a walk. */
static __always_inline void start_settled(struct walk *walk)
{
	settle_breakpoint(walk);
	if (is_trampoline(walk, walk->pc))
		leave_trampoline(walk);
}

/* The current thread's frames, from where it entered the kernel on. */
static __always_inline void stack_add_caller(struct scratch *scratch)
{
	if (!start_from_kernel_stack(&scratch->walk, bpf_get_current_task_btf()))
		return;
	start_settled(&scratch->walk);
	stack_add_user(scratch);
}

#endif
