// SPDX-License-Identifier: Apache-2.0
/* What single instructions do to the stack. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unwind/stack_effect.h"

#define VADDR 0x4000

struct known {
	uint8_t code[12];
	uint8_t length;
	enum stack_flow flow;
	struct stack_state before, after;
};

static void assert_known(const struct known *known)
{
	struct stack_state state = known->before;
	struct stack_step step =
		stack_effect__follow(&state, known->code, sizeof(known->code), VADDR);

	assert_int_equal(step.flow, known->flow);
	assert_int_equal(step.length, known->length);
	if (known->flow == FLOW_UNKNOWN)
		return;
	assert_int_equal(state.depth, known->after.depth);
	assert_int_equal(state.bp_slot, known->after.bp_slot);
	assert_int_equal(state.bp_depth, known->after.bp_depth);
	assert_int_equal(state.bp_value, known->after.bp_value);
}

#define assert_all_known(...)                                                \
	do {                                                                 \
		static const struct known all_[] = {__VA_ARGS__};            \
		for (size_t i_ = 0; i_ < sizeof(all_) / sizeof(*all_); i_++) \
			assert_known(&all_[i_]);                             \
	} while (0)

#define CODE(...) {__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})
#define STATE(depth, slot, bp_depth, value)          \
	{                                            \
		(depth), (slot), (bp_depth), (value) \
	}
#define PLAIN(depth) STATE(depth, 0, 0, BP_OF_CALLER)
#define FRAME(depth) STATE(depth, 8, 8, BP_OF_FRAME)
#define NOTHING \
	{       \
	}

static void a_push_and_a_pop_move_the_stack_by_a_word(void **state)
{
	(void)state;
	assert_all_known(
		/* push %rbx, %r12, $1; pop %rbx, %r12 */
		{CODE(0x53), FLOW_NEXT, PLAIN(0), PLAIN(8)},
		{CODE(0x41, 0x54), FLOW_NEXT, PLAIN(8), PLAIN(16)},
		{CODE(0x6a, 0x01), FLOW_NEXT, PLAIN(8), PLAIN(16)},
		{CODE(0x5b), FLOW_NEXT, PLAIN(16), PLAIN(8)},
		{CODE(0x41, 0x5c), FLOW_NEXT, PLAIN(8), PLAIN(0)},
		/* pop of the return address; of %rsp; push and pop of 16 bits */
		{CODE(0x5b), FLOW_UNKNOWN, PLAIN(0), NOTHING},
		{CODE(0x5c), FLOW_UNKNOWN, PLAIN(16), NOTHING},
		{CODE(0x66, 0x53), FLOW_UNKNOWN, PLAIN(0), NOTHING},
		{CODE(0x66, 0x5b), FLOW_UNKNOWN, PLAIN(16), NOTHING});
}

static void where_rbp_is_saved_is_known_until_it_is_popped(void **state)
{
	(void)state;
	assert_all_known(
		/* push %rbp */
		{CODE(0x55), FLOW_NEXT, PLAIN(0), STATE(8, 8, 0, BP_OF_CALLER)},
		{CODE(0x55), FLOW_NEXT, PLAIN(16), STATE(24, 24, 0, BP_OF_CALLER)},
		{CODE(0x55), FLOW_NEXT, STATE(16, 8, 0, BP_OF_CALLER),
		 STATE(24, 8, 0, BP_OF_CALLER)},
		{CODE(0x55), FLOW_NEXT, STATE(16, 0, 0, BP_OTHER), STATE(24, 0, 0, BP_OTHER)},
		/* pop %rbp */
		{CODE(0x5d), FLOW_NEXT, STATE(8, 8, 0, BP_OTHER), PLAIN(0)},
		{CODE(0x5d), FLOW_NEXT, STATE(16, 8, 0, BP_OTHER), STATE(8, 8, 0, BP_OTHER)},
		/* pop %rbx, of what was rbp; add $16, %rsp */
		{CODE(0x5b), FLOW_NEXT, STATE(8, 8, 0, BP_OTHER), STATE(0, 0, 0, BP_OTHER)},
		{CODE(0x48, 0x83, 0xc4, 0x10), FLOW_NEXT, STATE(24, 16, 0, BP_OF_CALLER), PLAIN(8)},
		/* xor %ebp, %ebp; mov %al, %bpl */
		{CODE(0x31, 0xed), FLOW_NEXT, PLAIN(0), STATE(0, 0, 0, BP_OTHER)},
		{CODE(0x40, 0x88, 0xc5), FLOW_NEXT, PLAIN(0), STATE(0, 0, 0, BP_OTHER)});
}

static void numbers_are_added(void **state)
{
	(void)state;
	assert_all_known(
		/* sub $8, %rsp; sub $0x3d8, %rsp; add $8, %rsp; sub $-128, %rsp */
		{CODE(0x48, 0x83, 0xec, 0x08), FLOW_NEXT, PLAIN(0), PLAIN(8)},
		{CODE(0x48, 0x81, 0xec, 0xd8, 0x03, 0, 0), FLOW_NEXT, PLAIN(8), PLAIN(0x3e0)},
		{CODE(0x48, 0x83, 0xc4, 0x08), FLOW_NEXT, PLAIN(8), PLAIN(0)},
		{CODE(0x48, 0x83, 0xec, 0x80), FLOW_NEXT, PLAIN(128), PLAIN(0)},
		/* lea -8(%rsp), %rsp; lea -0x10(%rbp), %rsp */
		{CODE(0x48, 0x8d, 0x64, 0x24, 0xf8), FLOW_NEXT, PLAIN(8), PLAIN(16)},
		{CODE(0x48, 0x8d, 0x65, 0xf0), FLOW_NEXT, FRAME(64), FRAME(24)},
		/* above the return address; more than a stack has */
		{CODE(0x48, 0x83, 0xc4, 0x10), FLOW_UNKNOWN, PLAIN(8), NOTHING},
		{CODE(0x48, 0x81, 0xec, 0, 0, 0, 0x7f), FLOW_UNKNOWN, PLAIN(8), NOTHING},
		{CODE(0x48, 0x81, 0xec, 0, 0, 0, 0x80), FLOW_UNKNOWN, PLAIN(8), NOTHING},
		{CODE(0x48, 0x8d, 0xa4, 0x24, 0, 0, 0, 0x80), FLOW_UNKNOWN, PLAIN(8), NOTHING});
}

static void a_frame_pointer_brings_the_stack_back(void **state)
{
	(void)state;
	assert_all_known(
		/* mov %rsp, %rbp, both encodings; mov %rbp, %rsp; leave */
		{CODE(0x48, 0x89, 0xe5), FLOW_NEXT, STATE(8, 8, 0, BP_OF_CALLER), FRAME(8)},
		{CODE(0x48, 0x8b, 0xec), FLOW_NEXT, STATE(8, 8, 0, BP_OF_CALLER), FRAME(8)},
		{CODE(0x48, 0x89, 0xec), FLOW_NEXT, FRAME(64), FRAME(8)},
		{CODE(0xc9), FLOW_NEXT, FRAME(64), PLAIN(0)},
		/* rbp of something else */
		{CODE(0x48, 0x89, 0xec), FLOW_UNKNOWN, PLAIN(64), NOTHING},
		{CODE(0xc9), FLOW_UNKNOWN, PLAIN(64), NOTHING},
		{CODE(0x48, 0x8d, 0x65, 0xf0), FLOW_UNKNOWN, STATE(64, 8, 0, BP_OTHER), NOTHING},
		/* mov %esp, %ebp; mov %rax, %rbp */
		{CODE(0x89, 0xe5), FLOW_NEXT, PLAIN(8), STATE(8, 0, 0, BP_OTHER)},
		{CODE(0x48, 0x89, 0xc5), FLOW_NEXT, PLAIN(8), STATE(8, 0, 0, BP_OTHER)});
}

static void what_is_done_to_rsp_otherwise_is_not_known(void **state)
{
	(void)state;
	assert_all_known(
		/* and $-16, %rsp; sub %rax, %rsp; lea (%rsp,%rax), %rsp; mov %rax, %rsp */
		{CODE(0x48, 0x83, 0xe4, 0xf0), FLOW_UNKNOWN, PLAIN(64), NOTHING},
		{CODE(0x48, 0x29, 0xc4), FLOW_UNKNOWN, PLAIN(64), NOTHING},
		{CODE(0x48, 0x8d, 0x24, 0x04), FLOW_UNKNOWN, PLAIN(64), NOTHING},
		{CODE(0x48, 0x89, 0xc4), FLOW_UNKNOWN, PLAIN(64), NOTHING},
		/* sub $8, %esp; xchg %rax, %rsp; enter; iretq */
		{CODE(0x83, 0xec, 0x08), FLOW_UNKNOWN, PLAIN(64), NOTHING},
		{CODE(0x48, 0x94), FLOW_UNKNOWN, PLAIN(64), NOTHING},
		{CODE(0xc8, 0x10, 0x00, 0x00), FLOW_UNKNOWN, PLAIN(64), NOTHING},
		{CODE(0x48, 0xcf), FLOW_UNKNOWN, PLAIN(64), NOTHING},
		/* no instruction in 64-bit code */
		{{0x06}, 0, FLOW_UNKNOWN, PLAIN(64), NOTHING});
}

static void what_leaves_the_stack_alone_goes_on(void **state)
{
	(void)state;
	assert_all_known(
		/* endbr64; cmpq $0, 0x1ac12(%rip); mov %rsp, %rdi; mov 8(%rsp), %rax; syscall */
		{CODE(0xf3, 0x0f, 0x1e, 0xfa), FLOW_NEXT, PLAIN(8), PLAIN(8)},
		{CODE(0x48, 0x83, 0x3d, 0x12, 0xac, 0x01, 0, 0), FLOW_NEXT, PLAIN(8), PLAIN(8)},
		{CODE(0x48, 0x89, 0xe7), FLOW_NEXT, PLAIN(8), PLAIN(8)},
		{CODE(0x48, 0x8b, 0x44, 0x24, 0x08), FLOW_NEXT, PLAIN(8), PLAIN(8)},
		{CODE(0x0f, 0x05), FLOW_NEXT, PLAIN(8), PLAIN(8)});
}

static void assert_leads_to(const uint8_t *code, size_t size, enum stack_flow flow, uint64_t target)
{
	struct stack_state state = PLAIN(8);
	struct stack_step step = stack_effect__follow(&state, code, size, VADDR);

	assert_int_equal(step.flow, flow);
	assert_int_equal(step.has_target, target != 0);
	if (target)
		assert_int_equal(step.target, target);
	assert_int_equal(state.depth, 8);
}

#define assert_leads(flow, target, ...)                                                         \
	assert_leads_to((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), \
			flow, target)

static void branches_calls_and_jumps_say_where_to(void **state)
{
	(void)state;
	assert_leads(FLOW_BRANCH, VADDR + 2 + 0x15, 0x74, 0x15);
	assert_leads(FLOW_BRANCH, VADDR + 6 - 0x100, 0x0f, 0x85, 0x00, 0xff, 0xff, 0xff);
	assert_leads(FLOW_CALL, VADDR + 5 - 0xa7, 0xe8, 0x59, 0xff, 0xff, 0xff);
	assert_leads(FLOW_JUMP, VADDR + 5 - 0x89, 0xe9, 0x77, 0xff, 0xff, 0xff);
	assert_leads(FLOW_JUMP, VADDR + 2 - 2, 0xeb, 0xfe);
	/* call *%rax; jmp *%rax; jmp *offset(%rip) */
	assert_leads(FLOW_CALL, 0, 0xff, 0xd0);
	assert_leads(FLOW_JUMP, 0, 0xff, 0xe0);
	assert_leads(FLOW_JUMP, 0, 0xff, 0x25, 0xa2, 0xac, 0x01, 0x00);
	/* ret; ret $8; ud2; hlt */
	assert_leads(FLOW_RETURN, 0, 0xc3);
	assert_leads(FLOW_RETURN, 0, 0xc2, 0x08, 0x00);
	assert_leads(FLOW_END, 0, 0x0f, 0x0b);
	assert_leads(FLOW_END, 0, 0xf4);
}

static void a_call_of_the_next_instruction_is_none(void **state)
{
	struct stack_state before = {};

	(void)state;
	assert_int_equal(
		stack_effect__follow(&before, (const uint8_t[]){0xe8, 0, 0, 0, 0}, 5, VADDR).flow,
		FLOW_UNKNOWN);
}

static void an_instruction_that_is_cut_off_is_none(void **state)
{
	static const uint8_t code[] = {0x48, 0x81, 0xec, 0xd8, 0x03, 0, 0};

	(void)state;
	for (size_t size = 0; size < sizeof(code); size++) {
		struct stack_state before = {};
		struct stack_step step = stack_effect__follow(&before, code, size, VADDR);

		assert_int_equal(step.flow, FLOW_UNKNOWN);
		assert_int_equal(step.length, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_push_and_a_pop_move_the_stack_by_a_word),
		cmocka_unit_test(where_rbp_is_saved_is_known_until_it_is_popped),
		cmocka_unit_test(numbers_are_added),
		cmocka_unit_test(a_frame_pointer_brings_the_stack_back),
		cmocka_unit_test(what_is_done_to_rsp_otherwise_is_not_known),
		cmocka_unit_test(what_leaves_the_stack_alone_goes_on),
		cmocka_unit_test(branches_calls_and_jumps_say_where_to),
		cmocka_unit_test(a_call_of_the_next_instruction_is_none),
		cmocka_unit_test(an_instruction_that_is_cut_off_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
