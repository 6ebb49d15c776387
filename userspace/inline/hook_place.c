// SPDX-License-Identifier: Apache-2.0
/* The rules, for the instructions before the jump, which are executed where they are:
 *   - They write nothing but the flags, rax, and, by push and sub, the stack below the return
 *     address: so that a stub can undo them by adding to rsp, and begin the function anew.
 *   - The way through them is straight, but for branches to code behind the jump.
 *   - The flags that the last of them leaves are not read any more.
 * For those that the jump lies on, which are executed in the stub:
 *   - No call, whose return address would be the stub's; nothing that ends the way.
 *   - No other instruction of the function leads into the middle of them, nor do they themselves.
 *   - The five bytes are of one page, or a write of them could be half done.
 *
 * The first place that there is behind the first instruction is the best. A uprobe that another
 * tool sets on the entry, where nearly all are set, is then harmless: the kernel executes a copy of
 * the first instruction and goes on behind it, where our jump is. With the jump on the entry it
 * would go on within the jump's bytes, unless the first instruction is as long as that.
 */
#include "inline/hook_place.h"

#include <Zydis/Zydis.h>
#include <errno.h>
#include <string.h>

#define PAGE_BYTES 4096
#define STATUS_FLAGS                                                                 \
	(ZYDIS_CPUFLAG_CF | ZYDIS_CPUFLAG_PF | ZYDIS_CPUFLAG_AF | ZYDIS_CPUFLAG_ZF | \
	 ZYDIS_CPUFLAG_SF | ZYDIS_CPUFLAG_OF)

struct instruction {
	ZydisDecodedInstruction info;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT]; /* the implicit ones too */
	uint32_t offset;
	uint64_t target; /* of a branch to a relative address */
	bool has_target;
};

struct function {
	const unsigned char *code;
	size_t size;
	uint64_t address;
	bool may_call;
	ZydisDecoder decoder;
	const char *why;
};

static bool decode(const struct function *function, size_t offset, struct instruction *instruction)
{
	if (offset >= function->size ||
	    ZYAN_FAILED(ZydisDecoderDecodeFull(&function->decoder, function->code + offset,
					       function->size - offset, &instruction->info,
					       instruction->operands)))
		return false;
	instruction->offset = offset;
	instruction->has_target = instruction->info.operand_count_visible &&
				  instruction->operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
				  instruction->operands[0].imm.is_relative;
	if (instruction->has_target)
		instruction->target = function->address + offset + instruction->info.length +
				      instruction->operands[0].imm.value.u;
	return true;
}

static bool is_in(const struct instruction *instruction, ZydisInstructionCategory category)
{
	return instruction->info.meta.category == category;
}

/* rax, a part of it, or the flags. */
static bool is_spare(const ZydisDecodedOperand *operand)
{
	return operand->type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       (ZydisRegisterGetClass(operand->reg.value) == ZYDIS_REGCLASS_FLAGS ||
		ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, operand->reg.value) ==
			ZYDIS_REGISTER_RAX);
}

/* Whether it writes nothing that matters to whoever begins the function again. */
static bool writes_little(const struct instruction *instruction)
{
	for (int i = 0; i < instruction->info.operand_count; i++) {
		const ZydisDecodedOperand *operand = &instruction->operands[i];

		if (operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE && !is_spare(operand))
			return false;
	}
	return true;
}

/* Bytes that it takes from the stack; -1: it does something else to it. */
static int bytes_taken(const struct instruction *instruction)
{
	const ZydisDecodedOperand *operands = instruction->operands;

	if (instruction->info.mnemonic == ZYDIS_MNEMONIC_PUSH &&
	    instruction->info.operand_width == 64 &&
	    operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER)
		return 8;
	if (instruction->info.mnemonic == ZYDIS_MNEMONIC_SUB &&
	    operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
	    operands[0].reg.value == ZYDIS_REGISTER_RSP &&
	    operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE && operands[1].imm.value.s >= 0 &&
	    operands[1].imm.value.s < PAGE_BYTES)
		return operands[1].imm.value.s;
	return -1;
}

static bool ends_the_way(const struct instruction *instruction)
{
	return is_in(instruction, ZYDIS_CATEGORY_RET) ||
	       is_in(instruction, ZYDIS_CATEGORY_UNCOND_BR) ||
	       is_in(instruction, ZYDIS_CATEGORY_INTERRUPT) ||
	       is_in(instruction, ZYDIS_CATEGORY_SYSRET) ||
	       instruction->info.mnemonic == ZYDIS_MNEMONIC_UD2 ||
	       instruction->info.mnemonic == ZYDIS_MNEMONIC_HLT;
}

/* Flags that it reads before it or another one writes them. */
static bool needs_flags(const struct instruction *instruction, uint32_t *open)
{
	const ZydisAccessedFlags *flags = instruction->info.cpu_flags;

	if (!flags)
		return false;
	if (flags->tested & *open)
		return true;
	/* One that it leaves undefined is not what it was, either. */
	*open &= ~(flags->modified | flags->set_0 | flags->set_1 | flags->undefined);
	return false;
}

/* Whether nobody reads the flags that the instructions before `offset` have left. */
static bool are_flags_dead(const struct function *function, size_t offset)
{
	uint32_t open = STATUS_FLAGS;
	struct instruction instruction;

	while (open) {
		if (!decode(function, offset, &instruction) || needs_flags(&instruction, &open))
			return false;
		/* No function expects flags of its caller, or of one that has returned. */
		if (is_in(&instruction, ZYDIS_CATEGORY_CALL) ||
		    is_in(&instruction, ZYDIS_CATEGORY_RET))
			return true;
		if (open && (ends_the_way(&instruction) || instruction.has_target))
			return false;
		offset += instruction.info.length;
	}
	return true;
}

/* Whether one instruction of the function leads behind its first byte and before `end`. What cannot
 * be decoded may. */
static bool leads_into(const struct function *function, uint32_t end)
{
	struct instruction instruction;

	for (size_t at = 0; at < function->size; at += instruction.info.length) {
		if (!decode(function, at, &instruction))
			return true;
		if (instruction.has_target && instruction.target > function->address &&
		    instruction.target < function->address + end)
			return true;
	}
	return false;
}

static bool refuse(struct function *function, const char *why)
{
	function->why = why;
	return false;
}

/* Whether a jump at `place->offset` is fine, whatever comes before it. Finds its end. */
static bool can_be_left(struct function *function, struct hook_place *place)
{
	uint32_t first = place->offset, last = first + HOOK_JUMP_BYTES;
	struct instruction instruction = {};
	bool is_over = false;

	for (place->end = first; place->end < last; place->end += instruction.info.length) {
		if (is_over || !decode(function, place->end, &instruction))
			return refuse(function, "it is too short");
		if (is_in(&instruction, ZYDIS_CATEGORY_SYSCALL) ||
		    (is_in(&instruction, ZYDIS_CATEGORY_CALL) && !function->may_call))
			return refuse(function, "it begins with a call");
		/* What it calls comes back behind all that is moved, whoever has called it. */
		is_over = ends_the_way(&instruction) || is_in(&instruction, ZYDIS_CATEGORY_CALL);
	}
	if (place->end > HOOK_COPY_MAX)
		return refuse(function, "its first instructions are too long");
	if ((function->address + first) % PAGE_BYTES > PAGE_BYTES - HOOK_JUMP_BYTES)
		return refuse(function, "its first instructions lie on two pages");
	if (leads_into(function, place->end))
		return refuse(function, "it jumps back to its first instructions");
	return true;
}

/* Goes behind one instruction of those before the jump. False where the jump must not be behind
 * it. */
static bool pass(struct function *function, struct hook_place *place, bool *has_flags)
{
	struct instruction instruction;
	int taken;

	if (!decode(function, place->offset, &instruction))
		return refuse(function, "its code is not understood");
	taken = bytes_taken(&instruction);
	if (taken < 0 && !is_in(&instruction, ZYDIS_CATEGORY_COND_BR) &&
	    (ends_the_way(&instruction) || instruction.has_target || !writes_little(&instruction)))
		return refuse(function, "its first instructions cannot be undone");
	if (instruction.info.cpu_flags)
		*has_flags |=
			instruction.info.cpu_flags->modified || instruction.info.cpu_flags->set_0 ||
			instruction.info.cpu_flags->set_1 || instruction.info.cpu_flags->undefined;
	place->offset += instruction.info.length;
	place->depth += taken > 0 ? taken : 0;
	return true;
}

static bool find_behind_entry(struct function *function, struct hook_place *place)
{
	bool has_flags = false;

	*place = (struct hook_place){};
	while (place->offset < HOOK_COPY_MAX && pass(function, place, &has_flags)) {
		if (has_flags && !are_flags_dead(function, place->offset))
			refuse(function, "its first instructions need the flags");
		else if (can_be_left(function, place))
			return true;
	}
	return false;
}

int hook_place__find(const unsigned char *code, size_t size, uint64_t address, bool may_call,
		     struct hook_place *place, const char **why)
{
	struct function function = {
		.code = code, .size = size, .address = address, .may_call = may_call};
	struct instruction first;

	*why = "its code is not understood";
	if (ZYAN_FAILED(ZydisDecoderInit(&function.decoder, ZYDIS_MACHINE_MODE_LONG_64,
					 ZYDIS_STACK_WIDTH_64)) ||
	    !decode(&function, 0, &first))
		return -ENOTSUP;
	*place = (struct hook_place){};
	if (first.info.length >= HOOK_JUMP_BYTES && can_be_left(&function, place))
		return 0;
	if (find_behind_entry(&function, place))
		return 0;
	*place = (struct hook_place){.covers_entry = true};
	if (can_be_left(&function, place))
		return 0;
	*why = function.why;
	return -ENOTSUP;
}

/* The operand at this offset is 32 bits wide, and the last of its instruction. */
static bool is_branch_operand(const unsigned char *code, size_t offset)
{
	if (offset >= 1 && (code[offset - 1] == 0xe8 || code[offset - 1] == 0xe9))
		return true;
	return offset >= 2 && code[offset - 2] == 0x0f && (code[offset - 1] & 0xf0) == 0x80;
}

bool hook_place__is_branched_to(const unsigned char *code, size_t size, uint64_t address,
				uint64_t first, uint64_t end)
{
	for (size_t at = 1; at + 4 <= size; at++) {
		int32_t displacement;
		uint64_t target;

		memcpy(&displacement, code + at, sizeof(displacement));
		target = address + at + 4 + displacement;
		if (target >= first && target < end && is_branch_operand(code, at))
			return true;
	}
	return false;
}
