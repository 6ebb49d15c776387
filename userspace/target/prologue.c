// SPDX-License-Identifier: Apache-2.0
/* A uprobe on an instruction that the kernel emulates costs about 0.5 us; on one that it has to
 * single-step, twice that on bare metal and 15 us in a virtual machine, where the debug exception
 * leaves the guest. glibc's free begins with one of those and has an emulated one 3 bytes on.
 *
 * The rules, going down the straight path from the entry:
 *   - A push of a register, a nop of 1 byte or, since 6.16, of 5, and a jump or a call to a
 *     relative address are emulated (arch/x86/kernel/uprobes.c, push_setup_xol_ops and
 *     branch_setup_xol_ops): the first of them is the place. Not with a prefix but push's 0x41: a
 *     branch after 0x66 cannot even be probed. loop and jrcxz are single-stepped.
 *     Where there is none, it is the entry. A branch is 6 to 15% cheaper than a push, which has a
 *     word to write: that of free's NULL check is better than the push behind it, unless one free
 *     in ten is free(NULL).
 *   - An argument is where its ABI register is copied to, 64 bits wide, until the copy is written.
 *     Once one is in no register the search ends. mimalloc's malloc writes rdi in its third
 *     instruction, but has the size in rsi at the branch 21 bytes in.
 *   - A write of rsp ends it: a return probe replaces what is at [rsp]. One of rbp does: the stack
 *     walk takes it to be the caller's. So does what is not decoded, and any other way of leaving
 *     the path: a place beyond it would not be reached by every call.
 */
#include "target/prologue.h"

#include <Zydis/Zydis.h>
#include <string.h>

#define BIT(number) (1U << (number))
#define RIP_BIT     BIT(16) /* beyond the general registers */
#define NO_REGISTER (-1)

enum { RCX = 1, RDX = 2, RSP = 4, RBP = 5, RSI = 6, RDI = 7 };

static const uint8_t abi_registers[PROLOGUE_ARGUMENTS_MAX] = {RDI, RSI, RDX};

struct instruction {
	ZydisDecodedInstruction info;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT]; /* the implicit ones too */
};

struct path {
	unsigned int arguments;
	uint32_t held_in[PROLOGUE_ARGUMENTS_MAX]; /* a bit a register, for each argument */
};

/* `bytes` are one whole instruction. */
static bool is_emulated(const unsigned char *bytes, size_t length)
{
	static const unsigned char nop5[] = {0x0f, 0x1f, 0x44, 0x00, 0x00};

	switch (bytes[0]) {
	case 0x50 ... 0x57: /* push rax to rdi */
	case 0x70 ... 0x7f: /* a conditional jump, rel8 */
	case 0x90:          /* nop */
	case 0xe8:          /* call */
	case 0xe9:          /* jmp rel32 */
	case 0xeb:          /* jmp rel8 */
		return true;
	case 0x41: /* push r8 to r15 */
		return bytes[1] >= 0x50 && bytes[1] <= 0x57;
	case 0x0f: /* a conditional jump, rel32; the 5-byte nop */
		return (bytes[1] >= 0x80 && bytes[1] <= 0x8f) ||
		       (length == sizeof(nop5) && !memcmp(bytes, nop5, sizeof(nop5)));
	default:
		return false;
	}
}

/* The number of the general register that the operand is, or is a part of. */
static int register_number(const ZydisDecodedOperand *operand)
{
	ZydisRegister whole;

	if (operand->type != ZYDIS_OPERAND_TYPE_REGISTER)
		return NO_REGISTER;
	whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, operand->reg.value);
	if (ZydisRegisterGetClass(whole) != ZYDIS_REGCLASS_GPR64)
		return NO_REGISTER;
	return ZydisRegisterGetId(whole);
}

static uint32_t registers_written(const struct instruction *instruction)
{
	uint32_t written = 0;

	/* The decoder forgets rdi at scas, for one. */
	if (instruction->info.meta.category == ZYDIS_CATEGORY_STRINGOP)
		written = BIT(RCX) | BIT(RSI) | BIT(RDI);
	for (int i = 0; i < instruction->info.operand_count; i++) {
		const ZydisDecodedOperand *operand = &instruction->operands[i];
		int number = register_number(operand);

		if (!(operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
			continue;
		if (number != NO_REGISTER)
			written |= BIT(number);
		else if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER &&
			 operand->reg.value == ZYDIS_REGISTER_RIP)
			written |= RIP_BIT;
	}
	return written;
}

/* The bit of the register that a mov of all 64 bits has its value from; 0: it is none, or from
 * elsewhere. */
static uint32_t copied_register(const struct instruction *instruction)
{
	int number = NO_REGISTER;

	if (instruction->info.mnemonic == ZYDIS_MNEMONIC_MOV &&
	    instruction->info.operand_width == 64)
		number = register_number(&instruction->operands[1]);
	return number == NO_REGISTER ? 0 : BIT(number);
}

/* Moves the arguments as the instruction does; false where the search ends. */
static bool follow(struct path *path, const struct instruction *instruction)
{
	uint32_t written = registers_written(instruction);
	uint32_t source = copied_register(instruction);

	/* Branches, calls, system calls and interrupts write rip. */
	if (written & (BIT(RSP) | BIT(RBP) | RIP_BIT))
		return false;
	if (instruction->info.mnemonic == ZYDIS_MNEMONIC_UD2)
		return false;
	for (unsigned int i = 0; i < path->arguments; i++) {
		if (path->held_in[i] & source)
			path->held_in[i] |= written;
		else
			path->held_in[i] &= ~written;
		if (!path->held_in[i])
			return false;
	}
	return true;
}

static void mark(struct probe_place *place, const struct path *path, size_t offset, bool emulated)
{
	place->offset = offset;
	place->is_emulated = emulated;
	for (unsigned int i = 0; i < path->arguments; i++) {
		if (path->held_in[i] & BIT(abi_registers[i]))
			place->registers[i] = abi_registers[i];
		else
			place->registers[i] = __builtin_ctz(path->held_in[i]);
	}
}

void prologue__place(const unsigned char *code, size_t size, unsigned int arguments,
		     struct probe_place *place)
{
	struct path path = {
		.arguments =
			arguments < PROLOGUE_ARGUMENTS_MAX ? arguments : PROLOGUE_ARGUMENTS_MAX,
		.held_in = {BIT(RDI), BIT(RSI), BIT(RDX)},
	};
	struct instruction instruction;
	ZydisDecoder decoder;

	/* Those that are of no interest are where they are at the entry, too: see read_call() in
	 * bpf/heap.bpf.c. */
	memcpy(place->registers, abi_registers, sizeof(abi_registers));
	mark(place, &path, 0, false);
	if (ZYAN_FAILED(
		    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)))
		return;
	if (size > PROLOGUE_BYTES)
		size = PROLOGUE_BYTES;
	for (size_t at = 0; at < size; at += instruction.info.length) {
		if (ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, code + at, size - at,
						       &instruction.info, instruction.operands)))
			return;
		if (is_emulated(code + at, instruction.info.length)) {
			mark(place, &path, at, true);
			return;
		}
		if (!follow(&path, &instruction))
			return;
	}
}
