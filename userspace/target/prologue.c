// SPDX-License-Identifier: Apache-2.0
/* A uprobe on an instruction that the kernel emulates costs about 0.5 us; on one that it has to
 * single-step, twice that on bare metal and 15 us in a virtual machine, where the debug exception
 * leaves the guest. glibc's free begins with one of those and has an emulated one 9 bytes on.
 *
 * The rules, going down the straight path from the entry:
 *   - A push of a register, a nop, a jump or a call is emulated (arch/x86/kernel/uprobes.c,
 *     push_setup_xol_ops and branch_setup_xol_ops): the first of them is the place.
 *   - But for the branch of a NULL check of the first argument (test rdi,rdi; je): it is passed by,
 *     since nothing is of interest about free(NULL).
 *   - What changes an argument register or the stack pointer ends the search: the program reads
 *     its arguments from the registers, and a return probe replaces what is at [rsp]. So does what
 *     is not decoded, and any other way of leaving the path.
 *   - Where the search finds nothing, the NULL check's branch is second best, the entry the last.
 */
#include "target/prologue.h"

#include <Zydis/Zydis.h>
#include <stdbool.h>

struct instruction {
	ZydisDecodedInstruction info;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

static bool is_register(const ZydisDecodedOperand *operand, ZydisRegister which)
{
	return operand->type == ZYDIS_OPERAND_TYPE_REGISTER && operand->reg.value == which;
}

static bool is_emulated(const struct instruction *instruction)
{
	const ZydisDecodedInstruction *info = &instruction->info;

	switch (info->meta.category) {
	case ZYDIS_CATEGORY_PUSH:
		/* One byte, or two with REX.B for r8 to r15; no other prefix. */
		return info->opcode >= 0x50 && info->opcode <= 0x57 &&
		       info->length == 1 + info->raw.rex.B;
	case ZYDIS_CATEGORY_NOP:
	case ZYDIS_CATEGORY_WIDENOP:
		/* endbr64 is a kind of nop to a decoder, to the kernel only the real ones are. */
		return info->mnemonic == ZYDIS_MNEMONIC_NOP;
	case ZYDIS_CATEGORY_COND_BR:
	case ZYDIS_CATEGORY_UNCOND_BR:
	case ZYDIS_CATEGORY_CALL:
		return info->raw.imm[0].is_relative;
	default:
		return false;
	}
}

static bool is_null_test(const struct instruction *instruction)
{
	return instruction->info.mnemonic == ZYDIS_MNEMONIC_TEST &&
	       is_register(&instruction->operands[0], ZYDIS_REGISTER_RDI) &&
	       is_register(&instruction->operands[1], ZYDIS_REGISTER_RDI);
}

/* The registers of the first four integer arguments, and the stack pointer. */
static bool must_be_kept(ZydisRegister which)
{
	switch (ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, which)) {
	case ZYDIS_REGISTER_RDI:
	case ZYDIS_REGISTER_RSI:
	case ZYDIS_REGISTER_RDX:
	case ZYDIS_REGISTER_RCX:
	case ZYDIS_REGISTER_RSP:
		return true;
	default:
		return false;
	}
}

static bool ends_search(const struct instruction *instruction)
{
	switch (instruction->info.meta.category) {
	case ZYDIS_CATEGORY_COND_BR:
	case ZYDIS_CATEGORY_UNCOND_BR:
	case ZYDIS_CATEGORY_CALL:
	case ZYDIS_CATEGORY_RET:
	case ZYDIS_CATEGORY_INTERRUPT:
	case ZYDIS_CATEGORY_SYSCALL:
		return true;
	default:
		break;
	}
	for (int i = 0; i < instruction->info.operand_count; i++) {
		const ZydisDecodedOperand *operand = &instruction->operands[i];

		if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE &&
		    must_be_kept(operand->reg.value))
			return true;
	}
	return false;
}

size_t prologue__probe_offset(const unsigned char *code, size_t size)
{
	struct instruction instruction;
	ZydisDecoder decoder;
	bool after_null_test = false;
	size_t second_best = 0;

	if (ZYAN_FAILED(
		    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)))
		return 0;
	for (size_t at = 0; at < size; at += instruction.info.length) {
		if (ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, code + at, size - at,
						       &instruction.info, instruction.operands)))
			break;
		if (after_null_test && instruction.info.mnemonic == ZYDIS_MNEMONIC_JZ) {
			second_best = at;
		} else if (is_emulated(&instruction)) {
			return at;
		} else if (ends_search(&instruction)) {
			break;
		}
		after_null_test = is_null_test(&instruction);
	}
	return second_best;
}
