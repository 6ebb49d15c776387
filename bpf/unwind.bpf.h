/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* One frame back, by the unwind row of the code it is in. */
#ifndef EXOPROF_UNWIND_BPF_H
#define EXOPROF_UNWIND_BPF_H

#include "leaf.bpf.h"
#include "maps.bpf.h"
#include "tables.bpf.h"
#include "trampoline.bpf.h"
#include "user_memory.bpf.h"

#define WALK_GOES_ON (-1)

/* DWARF's numbers (System V ABI, AMD64 supplement, figure 3.36). */
#define REGISTER_BX  3
#define REGISTER_BP  6
#define REGISTER_SP  7

/* rbx, rbp, rsp and r12 to r15, a bit each. */
#define CALLEE_SAVED 0xf0c8

/* The address that says what code a frame is in. A return address may be the first byte behind its
 * function, where a call that never returns comes last. */
static __always_inline __u64 walk_code_address(const struct walk *walk)
{
	return walk->exact ? walk->pc : walk->pc - 1;
}

/* A word of the stack, out of the window if it is there. A walk goes up, so what it wants next is
 * above. */
static __always_inline long read_stack(struct walk *walk, __u64 address, __u64 *value)
{
	__u64 at = address - walk->window_start;

	if (address & 7)
		return read_user(walk, value, sizeof(*value), address);
	if (at >= sizeof(walk->window)) {
		at = 0;
		walk->window_start = address;
		if (read_user(walk, walk->window, sizeof(walk->window), address)) {
			/* Near the end of the stack. */
			walk->window_start = NO_WINDOW;
			return read_user(walk, value, sizeof(*value), address);
		}
	}
	*value = walk->window[at / 8 & (WINDOW_WORDS - 1)];
	return 0;
}

/* By frame pointer, for code without rows: the caller's rbp is at [rbp], the return address above
 * it (System V ABI, AMD64 supplement, figure 3.3). */
static __always_inline int step_by_frame_pointer(struct walk *walk)
{
	__u64 frame[2];

	walk->frame_pointers++;
	if (walk->bp < walk->sp || walk->bp & 7)
		return WIRE_END_NO_ROW;
	if (read_user(walk, frame, sizeof(frame), walk->bp))
		return WIRE_END_NO_ROW;
	walk->sp = walk->bp + sizeof(frame);
	walk->bp = frame[0];
	walk->pc = frame[1];
	walk->bx_at = 0;
	walk->exact = 0;
	return WALK_GOES_ON;
}

/* uc_mcontext's registers in a struct ucontext (arch/x86/include/uapi/asm/sigcontext.h), which is
 * where rsp points to when a signal handler has returned. */
#define SIGNAL_REGISTERS 40

struct signal_registers {
	__u64 r8_to_r15[8];
	__u64 di, si, bp, bx, dx, ax, cx, sp, ip;
};

static __always_inline int step_over_signal(struct walk *walk)
{
	struct signal_registers saved;

	if (read_user(walk, &saved, sizeof(saved), walk->sp + SIGNAL_REGISTERS))
		return WIRE_END_READ_FAULT;
	walk->registers[0] = saved.ax;
	walk->registers[1] = saved.dx;
	walk->registers[2] = saved.cx;
	walk->registers[3] = saved.bx;
	walk->registers[4] = saved.si;
	walk->registers[5] = saved.di;
	for (int i = 0; i < 8; i++)
		walk->registers[8 + i] = saved.r8_to_r15[i];
	walk->pc = saved.ip;
	walk->sp = saved.sp;
	walk->bp = saved.bp;
	walk->exact = 1;
	return WALK_GOES_ON;
}

/* Not every C library describes the code that its signal handlers return to. It is known by what it
 * does: mov $15, %rax (rt_sigreturn); syscall. gdb looks for the same bytes (amd64-linux-tdep.c).
 */
static __always_inline bool is_signal_return(struct walk *walk, __u64 pc)
{
	static const __u8 code[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
	__u8 found[sizeof(code)];

	if (read_user(walk, found, sizeof(found), pc))
		return false;
	for (unsigned int i = 0; i < sizeof(code); i++) {
		if (found[i] != code[i])
			return false;
	}
	return true;
}

static __always_inline int step_without_row(struct walk *walk)
{
	/* In the system call pc is behind it, where the description has ended. */
	if (is_signal_return(walk, walk->pc) ||
	    (walk->exact && is_signal_return(walk, walk->pc - 9)))
		return step_over_signal(walk);
	if (walk->exact && step_from_leaf(walk))
		return WALK_GOES_ON;
	return step_by_frame_pointer(walk);
}

#define BX_IN_REGISTER 1

static __always_inline bool read_bx(struct walk *walk, __u64 *value)
{
	*value = walk->registers[REGISTER_BX];
	if (walk->exact || walk->bx_at == BX_IN_REGISTER)
		return true;
	return walk->bx_at && !read_user(walk, value, sizeof(*value), walk->bx_at);
}

static __always_inline void follow_bx(struct walk *walk, const struct wire_unwind_rule *rule,
				      __u64 cfa)
{
	if (rule->bx > WIRE_BX_UNCHANGED)
		walk->bx_at = cfa - 8 * rule->bx;
	else if (rule->bx == WIRE_BX_UNKNOWN)
		walk->bx_at = 0;
	else if (walk->exact)
		walk->bx_at = BX_IN_REGISTER;
}

/* Rsp and rbp are followed from frame to frame. The registers that a function need not save are
 * taken for what they are in the interrupted frame: hand-written code that finds its frame by one
 * of them even while it calls, calls nothing that writes to it (libcrypto's AES-GCM does so by
 * rax). */
static __always_inline bool read_register(struct walk *walk, __u8 number, __u64 *value)
{
	if (number == REGISTER_SP)
		*value = walk->sp;
	else if (number == REGISTER_BP)
		*value = walk->bp;
	else if (number == REGISTER_BX)
		return read_bx(walk, value);
	else if (walk->exact || !(CALLEE_SAVED >> (number & 15) & 1))
		*value = walk->registers[number & 15];
	else
		return false;
	return true;
}

/* The canonical frame address, or the enum wire_stack_end that it fails with. */
static __always_inline int find_cfa(struct walk *walk, const struct wire_unwind_rule *rule,
				    __u64 *cfa)
{
	if (rule->cfa == WIRE_CFA_PLT) {
		*cfa = walk->sp + ((walk->pc & 15) >= (__u32)rule->cfa_offset ? 16 : 8);
		return WALK_GOES_ON;
	}
	if (rule->cfa != WIRE_CFA_REGISTER && rule->cfa != WIRE_CFA_DEREF)
		return WIRE_END_UNSUPPORTED;
	if (!read_register(walk, rule->cfa_register, cfa))
		return WIRE_END_UNSUPPORTED;
	*cfa += rule->cfa_offset;
	if (rule->cfa == WIRE_CFA_REGISTER)
		return WALK_GOES_ON;
	if (read_stack(walk, *cfa, cfa))
		return WIRE_END_READ_FAULT;
	*cfa += rule->cfa_addend;
	return WALK_GOES_ON;
}

/* Whether, and where. By gcc's rows of a function that aligns its stack rbp is still saved at rbp
 * when it has been restored already; it points out of the frame then. */
static __always_inline bool is_bp_saved(const struct walk *walk,
					const struct wire_unwind_rule *rule, __u64 cfa, __u64 *at)
{
	if (rule->bp == WIRE_BP_SAVED)
		*at = cfa + rule->bp_offset;
	else if (rule->bp == WIRE_BP_SAVED_BY_BP && walk->bp >= walk->sp && walk->bp < cfa)
		*at = walk->bp + rule->bp_offset;
	else
		return false;
	return true;
}

static __always_inline int step_by_rule(struct walk *walk, const struct wire_unwind_rule *rule)
{
	__u64 bp = walk->bp;
	__u64 cfa, saved_at, return_pc;
	int end = find_cfa(walk, rule, &cfa);

	if (end != WALK_GOES_ON)
		return end;
	/* The stack grows down, so a caller's frame is above, or the table does not fit the code.
	 */
	if (cfa <= walk->sp)
		return WIRE_END_BAD_FRAME;
	/* rbp first, which is below. */
	if (is_bp_saved(walk, rule, cfa, &saved_at) && read_stack(walk, saved_at, &bp))
		return WIRE_END_READ_FAULT;
	if (read_stack(walk, cfa - 8, &return_pc))
		return WIRE_END_READ_FAULT;
	follow_bx(walk, rule, cfa);
	walk->pc = return_pc;
	walk->sp = cfa;
	walk->bp = bp;
	walk->exact = 0;
	return WALK_GOES_ON;
}

static __always_inline int see_through_trampoline(struct walk *walk)
{
	if (!is_trampoline(walk, walk->pc))
		return WALK_GOES_ON;
	walk->pc = hidden_return(walk, walk->sp - 8);
	return walk->pc ? WALK_GOES_ON : WIRE_END_NO_MAPPING;
}

/* Takes the walk to the caller's frame. Gives WALK_GOES_ON, or the enum wire_stack_end it stopped
 * at. A global function, which the verifier checks once and by itself: 256 steps with two binary
 * searches in each are then no more to it than one. That works from Linux 5.13 on; bpf_loop() came
 * with 5.17. */
__weak __noinline int walk_step(struct walk *walk)
{
	volatile struct wire_mapping *mapping;
	const struct wire_unwind_rule *rule = NULL;
	int end;

	if (!walk)
		return WIRE_END_READ_FAULT;
	mapping = find_mapping(walk, walk_code_address(walk));
	if (!mapping) {
		/* The news would be of the current process. */
		if (!walk->is_copy)
			tell_unknown_address();
		return WIRE_END_NO_MAPPING;
	}
	if (mapping->kind == WIRE_MAPPING_ROWS)
		rule = find_rule(mapping, walk_code_address(walk));
	if (rule && rule->cfa == WIRE_CFA_END)
		return WIRE_END_OUTERMOST;
	if (!rule || rule->cfa == WIRE_CFA_NONE)
		end = step_without_row(walk);
	else if (rule->cfa == WIRE_CFA_SIGNAL)
		end = step_over_signal(walk);
	else
		end = step_by_rule(walk, rule);
	return end == WALK_GOES_ON ? see_through_trampoline(walk) : end;
}

#endif
