/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Where the return address of an interrupted function is whose code has no rows: before it has set
 * up its frame and after it has taken it down, rbp belongs to the caller, and a step by frame
 * pointer would leave the caller out. Of small functions that V8 has compiled that is every second
 * sample.
 *
 * The instructions from pc on tell: what they do to rsp up to a `ret` is known, or up to a `push
 * %rbp; mov %rsp, %rbp`, which comes when nothing has been pushed yet. How deep the stack is at an
 * instruction does not depend on how it was reached, so conditional jumps are taken as not taken.
 * All that is not understood, or has to do with rbp or rsp otherwise, is for the frame pointer.
 * (Intel 64 manual, volume 2, chapter 2 and appendix A: encodings.) */
#ifndef EXOPROF_LEAF_BPF_H
#define EXOPROF_LEAF_BPF_H

#include "maps.bpf.h"
#include "tables.bpf.h"
#include "trampoline.bpf.h"
#include "user_memory.bpf.h"

#define LEAF_BYTES        32
#define LEAF_INSTRUCTIONS 10

/* What follows an opcode. */
#define SHAPE_KNOWN       1
#define SHAPE_MODRM       2
#define SHAPE_IMM8        4
#define SHAPE_IMM32       8

#define PLAIN             SHAPE_KNOWN
#define MODRM             (SHAPE_KNOWN | SHAPE_MODRM)
#define MODRM_IMM8        (MODRM | SHAPE_IMM8)
#define MODRM_IMM32       (MODRM | SHAPE_IMM32)
#define IMM8              (SHAPE_KNOWN | SHAPE_IMM8)
#define IMM32             (SHAPE_KNOWN | SHAPE_IMM32)

/* Moves, arithmetic, comparisons and conditional jumps, which leave rsp alone unless it is an
 * operand. */
static const __u8 leaf_shapes[256] = {
	[0x00 ... 0x03] = MODRM,
	[0x08 ... 0x0b] = MODRM,
	[0x20 ... 0x23] = MODRM,
	[0x28 ... 0x2b] = MODRM,
	[0x30 ... 0x33] = MODRM,
	[0x38 ... 0x3b] = MODRM,
	[0x3c] = IMM8,
	[0x3d] = IMM32,
	[0x63] = MODRM,
	[0x69] = MODRM_IMM32,
	[0x6b] = MODRM_IMM8,
	[0x70 ... 0x7f] = IMM8,
	[0x80] = MODRM_IMM8,
	[0x81] = MODRM_IMM32,
	[0x83] = MODRM_IMM8,
	[0x84 ... 0x85] = MODRM,
	[0x88 ... 0x8b] = MODRM,
	[0x8d] = MODRM,
	[0x90] = PLAIN,
	[0xa8] = IMM8,
	[0xa9] = IMM32,
	[0xb8 ... 0xbf] = IMM32,
	[0xc0 ... 0xc1] = MODRM_IMM8,
	[0xc6] = MODRM_IMM8,
	[0xc7] = MODRM_IMM32,
	[0xd1] = MODRM,
	[0xd3] = MODRM,
	[0xf6] = MODRM_IMM8, /* test; the others of that opcode are told from it */
	[0xf7] = MODRM_IMM32,
};

/* The same behind 0f. */
static const __u8 leaf_shapes_0f[256] = {
	[0x10 ... 0x11] = MODRM, [0x1e ... 0x1f] = MODRM, [0x28 ... 0x29] = MODRM,
	[0x2e ... 0x2f] = MODRM, [0x40 ... 0x4f] = MODRM, [0x57] = MODRM,
	[0x6f] = MODRM,          [0x80 ... 0x8f] = IMM32, [0x90 ... 0x9f] = MODRM,
	[0xaf] = MODRM,          [0xb6 ... 0xb7] = MODRM, [0xbe ... 0xbf] = MODRM,
};

struct leaf {
	/* Twice as long as what is read: an operand may reach beyond the end. */
	__u8 code[2 * LEAF_BYTES];
	__u32 at;       /* of the next byte to look at */
	__u32 rex;      /* the low bits of the prefix: W, R, X, B from 8 down */
	__u64 sp;       /* as it is there */
	__u64 bp_at;    /* where rbp was popped from; 0: it was not */
	__u32 is_short; /* prefix 66 */
	__u32 target;   /* of the last conditional jump, if that is near */
};

/* Nothing of the stack has been read yet, or it will be read again: the window is free. */
static __always_inline struct leaf *leaf_of(struct walk *walk)
{
	_Static_assert(sizeof(struct leaf) <= sizeof(walk->window), "room for it");
	walk->window_start = NO_WINDOW;
	return (struct leaf *)walk->window;
}

enum leaf_answer {
	LEAF_GOES_ON,
	LEAF_RETURNS, /* the return address is at sp */
	LEAF_UNKNOWN,
};

static __always_inline __u32 leaf_byte(const struct leaf *leaf, __u32 ahead)
{
	return leaf->code[(leaf->at + ahead) & (2 * LEAF_BYTES - 1)];
}

/* Registers 4 and 5, rsp and rbp, if the prefix does not make them r12 and r13. */
static __always_inline bool is_frame_register(__u32 number, __u32 extension)
{
	return (number & 6) == 4 && !extension;
}

static __always_inline bool leaf_skip_sib(struct leaf *leaf, __u32 mode)
{
	__u32 sib = leaf_byte(leaf, 0);
	__u32 base = sib & 7;

	leaf->at++;
	/* As an index 4 is none. */
	if ((sib >> 3 & 7) == 5 && !(leaf->rex & 2))
		return false;
	if (base == 5 && !mode) {
		leaf->at += 4;
		return true;
	}
	return !is_frame_register(base, leaf->rex & 1);
}

/* False where an operand is rsp or rbp, or based on it. */
static __always_inline bool leaf_skip_modrm(struct leaf *leaf)
{
	__u32 modrm = leaf_byte(leaf, 0);
	__u32 mode = modrm >> 6, rm = modrm & 7;
	bool is_fine = true;

	leaf->at++;
	if (is_frame_register(modrm >> 3 & 7, leaf->rex & 4))
		return false;
	if (mode != 3 && rm == 4)
		is_fine = leaf_skip_sib(leaf, mode);
	else if (mode || rm != 5)
		is_fine = !is_frame_register(rm, leaf->rex & 1);
	else
		leaf->at += 4; /* relative to rip */
	if (mode == 1)
		leaf->at++;
	else if (mode == 2)
		leaf->at += 4;
	return is_fine;
}

static __always_inline enum leaf_answer leaf_skip_operands(struct leaf *leaf, __u32 opcode,
							   __u32 shape)
{
	__u32 extension = leaf_byte(leaf, 0) >> 3 & 7;

	if (!(shape & SHAPE_KNOWN) || (leaf->is_short && shape & SHAPE_IMM32))
		return LEAF_UNKNOWN;
	/* In these an extension of the opcode is where others have a register. */
	if (shape & SHAPE_MODRM && (opcode == 0xd1 || opcode == 0xd3 || opcode == 0xf6 ||
				    opcode == 0xf7 || opcode == 0x80 || opcode == 0x81 ||
				    opcode == 0x83 || opcode == 0xc0 || opcode == 0xc1)) {
		if ((opcode == 0xf6 || opcode == 0xf7) && extension)
			shape = MODRM;
		leaf->code[leaf->at & (2 * LEAF_BYTES - 1)] &= ~0x38;
	}
	if (shape & SHAPE_MODRM && !leaf_skip_modrm(leaf))
		return LEAF_UNKNOWN;
	if (shape & SHAPE_IMM8)
		leaf->at++;
	if (shape & SHAPE_IMM32)
		leaf->at += (opcode & 0xf8) == 0xb8 && leaf->rex & 8 ? 8 : 4;
	return LEAF_GOES_ON;
}

static __always_inline void leaf_skip_prefixes(struct leaf *leaf)
{
	leaf->rex = 0;
	leaf->is_short = 0;
	for (int i = 0; i < 2; i++) {
		__u32 prefix = leaf_byte(leaf, 0);

		/* f3 0f 1e fa is endbr64. */
		if (prefix != 0x66 && prefix != 0xf2 && prefix != 0xf3)
			break;
		leaf->is_short |= prefix == 0x66;
		leaf->at++;
	}
	if ((leaf_byte(leaf, 0) & 0xf0) == 0x40) {
		leaf->rex = leaf_byte(leaf, 0) & 15;
		leaf->at++;
	}
}

/* mov %rsp, %rbp, in either of its encodings. */
static __always_inline bool is_frame_set(const struct leaf *leaf)
{
	__u32 opcode = leaf_byte(leaf, 1), modrm = leaf_byte(leaf, 2);

	return leaf_byte(leaf, 0) == 0x48 &&
	       ((opcode == 0x89 && modrm == 0xe5) || (opcode == 0x8b && modrm == 0xec));
}

/* V8 of Node.js 18 writes `je 1f; jmp to_deoptimize; 1:`. */
static __always_inline enum leaf_answer leaf_skip_jump(struct leaf *leaf, __u32 bytes)
{
	leaf->at += bytes;
	return leaf->at == leaf->target ? LEAF_GOES_ON : LEAF_UNKNOWN;
}

/* One instruction; gives an enum leaf_answer. Global, as walk_step() is and for the same reason. */
__weak __noinline int leaf_look(struct walk *walk)
{
	struct leaf *leaf;
	__u32 opcode;

	if (!walk)
		return LEAF_UNKNOWN;
	leaf = leaf_of(walk);
	leaf_skip_prefixes(leaf);
	opcode = leaf_byte(leaf, 0);
	leaf->at++;
	/* c2 takes the arguments off as well. But the caller's row is looked up at its call, one
	 * byte before the return address, where they are still on the stack. */
	if (opcode == 0xc3 || opcode == 0xc2)
		return LEAF_RETURNS;
	if (opcode == 0x55)
		return !leaf->rex && is_frame_set(leaf) ? LEAF_RETURNS : LEAF_UNKNOWN;
	/* pop; that of rsp does not add to it */
	if ((opcode & 0xf8) == 0x58 && (opcode != 0x5c || leaf->rex & 1)) {
		if (opcode == 0x5d && !(leaf->rex & 1))
			leaf->bp_at = leaf->sp;
		leaf->sp += 8;
		return LEAF_GOES_ON;
	}
	/* add $imm8, %rsp */
	if (opcode == 0x83 && leaf->rex == 8 && leaf_byte(leaf, 0) == 0xc4) {
		leaf->sp += leaf_byte(leaf, 1) & 0x7f;
		leaf->at += 2;
		return leaf_byte(leaf, -1) & 0x80 ? LEAF_UNKNOWN : LEAF_GOES_ON;
	}
	if (opcode == 0xe9)
		return leaf_skip_jump(leaf, 4);
	if ((opcode & 0xf0) == 0x70)
		leaf->target = leaf->at + 1 + leaf_byte(leaf, 0);
	if (opcode == 0x0f) {
		opcode = leaf_byte(leaf, 0);
		leaf->at++;
		return leaf_skip_operands(leaf, 0, leaf_shapes_0f[opcode & 255]);
	}
	return leaf_skip_operands(leaf, opcode, leaf_shapes[opcode & 255]);
}

static __always_inline bool leaf_find_return(struct walk *walk, struct leaf *leaf)
{
	int answer = LEAF_GOES_ON;

	/* The byte before pc is there, too: between the two instructions rbp is still the caller's,
	 * but pushed. */
	leaf->at = 1;
	leaf->sp = walk->sp;
	leaf->bp_at = 0;
	leaf->target = 0;
	if (leaf->code[0] == 0x55 && is_frame_set(leaf)) {
		leaf->sp += 8;
		return true;
	}
	for (int i = 0; i < LEAF_INSTRUCTIONS && answer == LEAF_GOES_ON; i++)
		answer = leaf->at < LEAF_BYTES - 4 ? leaf_look(walk) : LEAF_UNKNOWN;
	return answer == LEAF_RETURNS;
}

/* Whether the walk has got to the caller. Global, too. */
__weak __noinline int step_from_leaf(struct walk *walk)
{
	__u64 return_pc, bp;
	struct leaf *leaf;

	if (!walk)
		return 0;
	leaf = leaf_of(walk);
	if (read_user(walk, leaf->code, LEAF_BYTES, walk->pc - 1) || !leaf_find_return(walk, leaf))
		return 0;
	bp = walk->bp;
	if (leaf->bp_at && read_user(walk, &bp, sizeof(bp), leaf->bp_at))
		return 0;
	if (read_user(walk, &return_pc, sizeof(return_pc), leaf->sp))
		return 0;
	/* Code that does not keep to the rules. */
	if (!is_trampoline(walk, return_pc) && !is_code(walk, return_pc - 1))
		return 0;
	walk->pc = return_pc;
	walk->sp = leaf->sp + 8;
	walk->bp = bp;
	walk->bx_at = 0;
	walk->exact = 0;
	return 1;
}

#endif
