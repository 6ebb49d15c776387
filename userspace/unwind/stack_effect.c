// SPDX-License-Identifier: Apache-2.0
#include "unwind/stack_effect.h"

#include <Zydis/Zydis.h>

/* A stack has 8 MiB by default. */
#define DEPTH_MAX (8 << 20)
#define WORD      8

struct instruction {
	ZydisDecodedInstruction info;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT]; /* the implicit ones too */
};

static bool is_register(const ZydisDecodedOperand *operand, ZydisRegister number)
{
	return operand->type == ZYDIS_OPERAND_TYPE_REGISTER && operand->reg.value == number;
}

/* The register or a part of it. */
static bool writes(const struct instruction *instruction, ZydisRegister whole)
{
	for (int i = 0; i < instruction->info.operand_count; i++) {
		const ZydisDecodedOperand *operand = &instruction->operands[i];

		if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE &&
		    ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64,
						     operand->reg.value) == whole)
			return true;
	}
	return false;
}

static enum stack_flow move_to(struct stack_state *state, int64_t depth)
{
	if (depth < 0 || depth > DEPTH_MAX)
		return FLOW_UNKNOWN;
	state->depth = depth;
	/* What is below rsp is anybody's. */
	if (state->bp_slot > depth)
		state->bp_slot = 0;
	return FLOW_NEXT;
}

static void set_bp(struct stack_state *state, enum bp_value value)
{
	state->bp_value = value;
	state->bp_depth = value == BP_OF_FRAME ? state->depth : 0;
}

static enum stack_flow push(struct stack_state *state, const struct instruction *instruction)
{
	enum stack_flow flow = move_to(state, (int64_t)state->depth + WORD);

	if (instruction->info.operand_width != 64)
		return FLOW_UNKNOWN;
	if (flow == FLOW_NEXT && is_register(&instruction->operands[0], ZYDIS_REGISTER_RBP) &&
	    state->bp_value == BP_OF_CALLER && !state->bp_slot)
		state->bp_slot = state->depth;
	return flow;
}

static void pop_bp(struct stack_state *state)
{
	bool is_saved = state->bp_slot && state->bp_slot == state->depth;

	set_bp(state, is_saved ? BP_OF_CALLER : BP_OTHER);
}

static enum stack_flow pop(struct stack_state *state, const struct instruction *instruction)
{
	if (instruction->info.operand_width != 64 ||
	    is_register(&instruction->operands[0], ZYDIS_REGISTER_RSP))
		return FLOW_UNKNOWN;
	if (is_register(&instruction->operands[0], ZYDIS_REGISTER_RBP))
		pop_bp(state);
	return move_to(state, (int64_t)state->depth - WORD);
}

/* To where rbp points, and `displacement` above. */
static enum stack_flow move_to_frame(struct stack_state *state, int64_t displacement)
{
	if (state->bp_value != BP_OF_FRAME || displacement < -DEPTH_MAX || displacement > DEPTH_MAX)
		return FLOW_UNKNOWN;
	return move_to(state, state->bp_depth - displacement);
}

static enum stack_flow leave(struct stack_state *state)
{
	enum stack_flow flow = move_to_frame(state, 0);

	if (flow != FLOW_NEXT)
		return flow;
	pop_bp(state);
	return move_to(state, (int64_t)state->depth - WORD);
}

/* add, sub: of a number. */
static enum stack_flow add(struct stack_state *state, const struct instruction *instruction)
{
	const ZydisDecodedOperand *operand = &instruction->operands[1];
	int64_t change = operand->imm.value.s;

	if (operand->type != ZYDIS_OPERAND_TYPE_IMMEDIATE || change < -DEPTH_MAX ||
	    change > DEPTH_MAX)
		return FLOW_UNKNOWN;
	if (instruction->info.mnemonic == ZYDIS_MNEMONIC_ADD)
		change = -change;
	return move_to(state, state->depth + change);
}

static enum stack_flow load_address(struct stack_state *state,
				    const struct instruction *instruction)
{
	const ZydisDecodedOperand *operand = &instruction->operands[1];
	int64_t displacement = operand->mem.disp.value;

	if (operand->mem.index != ZYDIS_REGISTER_NONE || displacement < -DEPTH_MAX ||
	    displacement > DEPTH_MAX)
		return FLOW_UNKNOWN;
	if (operand->mem.base == ZYDIS_REGISTER_RSP)
		return move_to(state, state->depth - displacement);
	if (operand->mem.base == ZYDIS_REGISTER_RBP)
		return move_to_frame(state, displacement);
	return FLOW_UNKNOWN;
}

/* Of an instruction that writes rsp as its operand. */
static enum stack_flow set_sp(struct stack_state *state, const struct instruction *instruction)
{
	if (!is_register(&instruction->operands[0], ZYDIS_REGISTER_RSP))
		return FLOW_UNKNOWN;
	switch (instruction->info.mnemonic) {
	case ZYDIS_MNEMONIC_ADD:
	case ZYDIS_MNEMONIC_SUB:
		return add(state, instruction);
	case ZYDIS_MNEMONIC_LEA:
		return load_address(state, instruction);
	case ZYDIS_MNEMONIC_MOV:
		return is_register(&instruction->operands[1], ZYDIS_REGISTER_RBP)
			       ? move_to_frame(state, 0)
			       : FLOW_UNKNOWN;
	default:
		return FLOW_UNKNOWN;
	}
}

static enum stack_flow do_other(struct stack_state *state, const struct instruction *instruction)
{
	if (writes(instruction, ZYDIS_REGISTER_RSP))
		return set_sp(state, instruction);
	if (!writes(instruction, ZYDIS_REGISTER_RBP))
		return FLOW_NEXT;
	if (instruction->info.mnemonic == ZYDIS_MNEMONIC_MOV &&
	    is_register(&instruction->operands[0], ZYDIS_REGISTER_RBP) &&
	    is_register(&instruction->operands[1], ZYDIS_REGISTER_RSP))
		set_bp(state, BP_OF_FRAME);
	else
		set_bp(state, BP_OTHER);
	return FLOW_NEXT;
}

static enum stack_flow flow_of(struct stack_state *state, const struct instruction *instruction)
{
	switch (instruction->info.mnemonic) {
	case ZYDIS_MNEMONIC_PUSH:
		return push(state, instruction);
	case ZYDIS_MNEMONIC_POP:
		return pop(state, instruction);
	case ZYDIS_MNEMONIC_LEAVE:
		return leave(state);
	case ZYDIS_MNEMONIC_CALL:
		return FLOW_CALL;
	case ZYDIS_MNEMONIC_JMP:
		return FLOW_JUMP;
	case ZYDIS_MNEMONIC_RET:
		return FLOW_RETURN;
	case ZYDIS_MNEMONIC_UD2:
	case ZYDIS_MNEMONIC_HLT:
	case ZYDIS_MNEMONIC_INT3:
		return FLOW_END;
	case ZYDIS_MNEMONIC_SYSCALL:
		return FLOW_NEXT;
	default:
		break;
	}
	if (instruction->info.meta.category == ZYDIS_CATEGORY_COND_BR)
		return FLOW_BRANCH;
	/* Interrupts, far returns and the like. */
	if (writes(instruction, ZYDIS_REGISTER_RIP))
		return FLOW_UNKNOWN;
	return do_other(state, instruction);
}

static bool find_target(const struct instruction *instruction, uint64_t vaddr, uint64_t *target)
{
	const ZydisDecodedOperand *operand = &instruction->operands[0];

	return operand->type == ZYDIS_OPERAND_TYPE_IMMEDIATE && operand->imm.is_relative &&
	       ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&instruction->info, operand, vaddr, target));
}

struct stack_step stack_effect__follow(struct stack_state *state, const uint8_t *code, size_t size,
				       uint64_t vaddr)
{
	struct stack_step step = {.flow = FLOW_UNKNOWN};
	struct instruction instruction;
	ZydisDecoder decoder;

	if (ZYAN_FAILED(
		    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)) ||
	    ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, code, size, &instruction.info,
					       instruction.operands)))
		return step;
	step.length = instruction.info.length;
	step.flow = flow_of(state, &instruction);
	if (step.flow == FLOW_CALL || step.flow == FLOW_BRANCH || step.flow == FLOW_JUMP)
		step.has_target = find_target(&instruction, vaddr, &step.target);
	/* A call of the next instruction is there to push that one's address. */
	if (step.flow == FLOW_CALL && step.has_target && step.target == vaddr + step.length)
		step.flow = FLOW_UNKNOWN;
	return step;
}
