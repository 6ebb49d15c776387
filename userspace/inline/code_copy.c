// SPDX-License-Identifier: Apache-2.0
#include "inline/code_copy.h"

#include <Zydis/Zydis.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

struct instruction {
	ZydisDecodedInstruction info;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT]; /* the implicit ones too */
};

static bool is_near(uint64_t from, uint64_t to)
{
	int64_t distance = to - from;

	return distance == (int32_t)distance;
}

/* A branch is encoded anew, for its target may be too far for a short one by now. */
static int copy_branch(unsigned char *bytes, size_t *size, const struct instruction *instruction,
		       uint64_t from, uint64_t to)
{
	ZydisEncoderRequest request;
	uint64_t target;

	if (ZYAN_FAILED(ZydisCalcAbsoluteAddress(&instruction->info, &instruction->operands[0],
						 from, &target)) ||
	    ZYAN_FAILED(ZydisEncoderDecodedInstructionToEncoderRequest(
		    &instruction->info, instruction->operands,
		    instruction->info.operand_count_visible, &request)))
		return -ENOTSUP;
	if (!is_near(to + *size, target))
		return -ERANGE;
	request.branch_type = ZYDIS_BRANCH_TYPE_NEAR;
	request.branch_width = ZYDIS_BRANCH_WIDTH_32;
	request.operands[0].imm.u = target;
	if (ZYAN_FAILED(ZydisEncoderEncodeInstructionAbsolute(&request, bytes, size, to)))
		return -ENOTSUP;
	return 0;
}

/* Byte for byte, but for an address relative to the instruction's own. */
static int copy_plain(unsigned char *bytes, const struct instruction *instruction, uint64_t from,
		      uint64_t to)
{
	const ZydisDecodedInstruction *info = &instruction->info;
	int32_t displacement;

	if (!(info->attributes & ZYDIS_ATTRIB_IS_RELATIVE))
		return 0;
	if (info->raw.disp.size != 32)
		return -ENOTSUP;
	if (!is_near(to, from + info->raw.disp.value))
		return -ERANGE;
	displacement = from + info->raw.disp.value - to;
	memcpy(bytes + info->raw.disp.offset, &displacement, sizeof(displacement));
	return 0;
}

static bool is_branch(const struct instruction *instruction)
{
	return instruction->info.operand_count_visible &&
	       instruction->operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
	       instruction->operands[0].imm.is_relative;
}

/* mov qword ptr [rsp - 8], 0: as no_trace in stub.S has it. */
static void add_no_trace(struct code_copy *copy)
{
	static const unsigned char code[] = {0x48, 0xc7, 0x44, 0x24, 0xf8, 0, 0, 0, 0};

	memcpy(copy->bytes + copy->size, code, sizeof(code));
	copy->size += sizeof(code);
}

static int copy_instruction(struct code_copy *copy, const struct instruction *instruction,
			    const unsigned char *code, size_t room, uint64_t from, uint64_t to)
{
	unsigned char *bytes = copy->bytes + copy->size;
	size_t size = instruction->info.length;
	int err;

	if (is_branch(instruction)) {
		size = room - copy->size;
		err = copy_branch(bytes, &size, instruction, from, to);
	} else {
		memcpy(bytes, code, size);
		err = copy_plain(bytes, instruction, from, to);
	}
	copy->size += size;
	if (!err && instruction->info.meta.category == ZYDIS_CATEGORY_CALL)
		add_no_trace(copy);
	return err;
}

int code_copy__make(struct code_copy *copy, const unsigned char *code, size_t size, uint64_t from,
		    uint64_t to)
{
	struct instruction instruction;
	ZydisDecoder decoder;
	int err = 0;

	if (ZYAN_FAILED(
		    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)))
		return -ENOTSUP;
	copy->size = 0;
	for (size_t at = 0; at < size && !err; at += instruction.info.length) {
		if (ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, code + at, size - at,
						       &instruction.info, instruction.operands)))
			return -ENOTSUP;
		err = copy_instruction(copy, &instruction, code + at, CODE_COPY_ROOM(size),
				       from + at, to + copy->size);
	}
	return err;
}
