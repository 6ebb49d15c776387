// SPDX-License-Identifier: Apache-2.0
/* The code is followed from where it is entered, as it will be executed: so the frames are those of
 * the very instructions that are there, the moved ones included. */
#include "inline/stub_frames.h"

#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* DWARF 5, 6.4.2, and the System V ABI's register numbers (3.7, table 3.36). */
enum {
	CFA_ADVANCE = 0x40,   /* by less than 0x40 */
	CFA_OFFSET = 0x80,    /* of a register, in the low bits */
	CFA_RESTORE = 0xc0,   /* as the first rules have it, likewise */
	CFA_ADVANCE_2 = 0x03, /* by 16 bits */
	CFA_UNDEFINED = 0x07,
	CFA_DEF_CFA = 0x0c,
	CFA_DEF_CFA_OFFSET = 0x0e,
	RBP = 6,
	RSP = 7,
	RETURN_ADDRESS = 16,
	DATA_ALIGNMENT = 0x78,   /* -8 as signed LEB128 */
	POINTER_RELATIVE = 0x1b, /* DW_EH_PE_pcrel | DW_EH_PE_sdata4 */
	TABLE_RELATIVE = 0x3b,   /* DW_EH_PE_datarel | DW_EH_PE_sdata4 */
	COUNT_PLAIN = 0x03,      /* DW_EH_PE_udata4 */
};

#define WORD 8

/* --- following the code
 * ----------------------------------------------------------------------------- */

struct place {
	bool is_reached;
	uint8_t length;
	struct stack_state state;
};

struct walk {
	const struct stub_image *image;
	struct place *places; /* one a byte of the code */
	uint32_t *todo;
	size_t count;
	int err;
};

static void reach(struct walk *walk, uint64_t at, const struct stack_state *state)
{
	struct place *place;

	if (at < STUB_SHARED_AT || at >= walk->image->used)
		return; /* the function's own code, or a call of it */
	place = &walk->places[at];
	if (place->is_reached) {
		/* Each is reached in one state: it is how the code is written. */
		if (memcmp(&place->state, state, sizeof(*state)))
			walk->err = -ENOTSUP;
		return;
	}
	place->is_reached = true;
	place->state = *state;
	walk->todo[walk->count++] = at;
}

static void follow(struct walk *walk, uint32_t at)
{
	static const struct stack_state entered;
	const struct stub_image *image = walk->image;
	struct stack_state state = walk->places[at].state;
	struct stack_step step = stack_effect__follow(&state, image->text + at, image->used - at,
						      image->address + at);
	uint64_t target = step.target - image->address;

	walk->places[at].length = step.length;
	switch (step.flow) {
	case FLOW_CALL:
		if (step.has_target)
			reach(walk, target, &entered);
		reach(walk, at + step.length, &state);
		break;
	case FLOW_BRANCH:
		reach(walk, target, &state);
		reach(walk, at + step.length, &state);
		break;
	case FLOW_JUMP:
		if (step.has_target)
			reach(walk, target, &state);
		break;
	case FLOW_NEXT:
		reach(walk, at + step.length, &state);
		break;
	case FLOW_RETURN:
	case FLOW_END:
		break;
	case FLOW_UNKNOWN:
		walk->err = -ENOTSUP;
		break;
	}
}

static int follow_all(struct walk *walk)
{
	static const struct stack_state entered;

	for (size_t i = 0; i < walk->image->count; i++) {
		const struct stub_slot *slot = &walk->image->slots[i];

		reach(walk, slot->entry, &slot->state);
		reach(walk, slot->copy, &entered);
	}
	while (walk->count && !walk->err)
		follow(walk, walk->todo[--walk->count]);
	return walk->err;
}

/* --- writing
 * ---------------------------------------------------------------------------------------- */

struct writer {
	unsigned char *bytes; /* the image's text */
	size_t at, end;
	bool is_full;
};

static void put(struct writer *writer, const void *bytes, size_t size)
{
	if (writer->end - writer->at < size) {
		writer->is_full = true;
		return;
	}
	memcpy(writer->bytes + writer->at, bytes, size);
	writer->at += size;
}

static void put_u8(struct writer *writer, uint8_t value)
{
	put(writer, &value, sizeof(value));
}

static void put_u32(struct writer *writer, uint32_t value)
{
	put(writer, &value, sizeof(value));
}

static void put_leb(struct writer *writer, uint64_t value)
{
	do {
		put_u8(writer, (value & 0x7f) | (value > 0x7f ? 0x80 : 0));
		value >>= 7;
	} while (value);
}

/* Relative to where it is. */
static void put_distance(struct writer *writer, uint32_t to)
{
	put_u32(writer, to - writer->at);
}

static void put_advance(struct writer *writer, uint32_t bytes)
{
	uint16_t delta = bytes;

	if (bytes < 0x40) {
		put_u8(writer, CFA_ADVANCE | bytes);
		return;
	}
	put_u8(writer, CFA_ADVANCE_2);
	put(writer, &delta, sizeof(delta));
}

/* What is said of a state: where the CFA is above rsp, and where the caller's rbp. */
struct rule {
	uint32_t cfa;
	uint32_t rbp; /* below the CFA, in words; 0: in rbp; RBP_LOST */
};

#define RBP_LOST UINT32_MAX

static struct rule rule_of(const struct stack_state *state)
{
	struct rule rule = {.cfa = state->depth + WORD};

	if (state->bp_value != BP_OF_CALLER)
		rule.rbp = state->bp_slot ? (uint32_t)state->bp_slot / WORD + 1 : RBP_LOST;
	return rule;
}

static void put_rule(struct writer *writer, const struct rule *rule, const struct rule *former)
{
	if (rule->cfa != former->cfa) {
		put_u8(writer, CFA_DEF_CFA_OFFSET);
		put_leb(writer, rule->cfa);
	}
	if (rule->rbp == former->rbp)
		return;
	if (rule->rbp == RBP_LOST) {
		put_u8(writer, CFA_UNDEFINED);
		put_leb(writer, RBP);
	} else if (rule->rbp) {
		put_u8(writer, CFA_OFFSET | RBP);
		put_leb(writer, rule->rbp);
	} else {
		put_u8(writer, CFA_RESTORE | RBP);
	}
}

static void put_rules(struct writer *writer, const struct walk *walk)
{
	struct rule former = {.cfa = WORD};
	uint32_t last = STUB_SHARED_AT;

	for (uint32_t at = STUB_SHARED_AT; at < walk->image->used; at++) {
		struct rule rule;

		if (!walk->places[at].is_reached)
			continue;
		rule = rule_of(&walk->places[at].state);
		if (rule.cfa == former.cfa && rule.rbp == former.rbp)
			continue;
		put_advance(writer, at - last);
		put_rule(writer, &rule, &former);
		former = rule;
		last = at;
	}
}

/* Of a record of .eh_frame, which begins with it; padded with DW_CFA_nop. */
static void put_length(struct writer *writer, size_t start)
{
	uint32_t length;

	while (!writer->is_full && (writer->at - start) % WORD)
		put_u8(writer, 0);
	length = writer->at - start - sizeof(length);
	memcpy(writer->bytes + start, &length, sizeof(length));
}

static void put_cie(struct writer *writer)
{
	size_t start = writer->at;

	put_u32(writer, 0);
	put_u32(writer, 0); /* a CIE */
	put_u8(writer, 1);  /* version */
	put(writer, "zR", sizeof("zR"));
	put_leb(writer, 1); /* code alignment */
	put_u8(writer, DATA_ALIGNMENT);
	put_leb(writer, RETURN_ADDRESS);
	put_leb(writer, 1); /* bytes of augmentation */
	put_u8(writer, POINTER_RELATIVE);
	put_u8(writer, CFA_DEF_CFA);
	put_leb(writer, RSP);
	put_leb(writer, WORD);
	put_u8(writer, CFA_OFFSET | RETURN_ADDRESS);
	put_leb(writer, 1);
	put_length(writer, start);
}

static void put_fde(struct writer *writer, size_t cie, const struct walk *walk)
{
	size_t start = writer->at;

	put_u32(writer, 0);
	put_u32(writer, writer->at - cie);
	put_distance(writer, STUB_SHARED_AT);
	put_u32(writer, walk->image->used - STUB_SHARED_AT);
	put_leb(writer, 0);
	put_rules(writer, walk);
	put_length(writer, start);
}

/* .eh_frame_hdr (Linux Standard Base, 10.6.2): one entry, for all of the code. Then .eh_frame. */
#define INDEX_BYTES 24

/* Gives where it ends, or -ENOSPC. */
static int put_frames(struct stub_image *image, const struct walk *walk)
{
	struct writer writer = {image->text, STUB_FRAMES_AT, STUB_TABLE_AT, false};
	struct writer index = writer;
	size_t fde;

	writer.at += INDEX_BYTES;
	put_cie(&writer);
	fde = writer.at;
	put_fde(&writer, STUB_FRAMES_AT + INDEX_BYTES, walk);
	put_u32(&writer, 0); /* the end */
	put_u8(&index, 1);   /* version */
	put_u8(&index, POINTER_RELATIVE);
	put_u8(&index, COUNT_PLAIN);
	put_u8(&index, TABLE_RELATIVE);
	put_distance(&index, STUB_FRAMES_AT + INDEX_BYTES);
	put_u32(&index, 1);
	put_u32(&index, STUB_SHARED_AT - STUB_FRAMES_AT);
	put_u32(&index, fde - STUB_FRAMES_AT);
	return writer.is_full ? -ENOSPC : (int)writer.at;
}

/* For those who look for sections. */
static const char section_names[] = "\0.eh_frame\0.shstrtab";

struct headers {
	Elf64_Ehdr elf;
	Elf64_Phdr code, frames;
	Elf64_Shdr sections[3];
	char names[sizeof(section_names)];
};
_Static_assert(sizeof(struct headers) <= STUB_SHARED_AT, "room for headers");

static void put_sections(struct headers *headers, uint32_t frames_end)
{
	uint32_t start = STUB_FRAMES_AT + INDEX_BYTES;

	headers->sections[1] = (Elf64_Shdr){
		.sh_name = 1,
		.sh_type = SHT_PROGBITS,
		.sh_flags = SHF_ALLOC,
		.sh_addr = start,
		.sh_offset = start,
		.sh_size = frames_end - start,
		.sh_addralign = WORD,
	};
	headers->sections[2] = (Elf64_Shdr){
		.sh_name = sizeof("\0.eh_frame"),
		.sh_type = SHT_STRTAB,
		.sh_offset = offsetof(struct headers, names),
		.sh_size = sizeof(section_names),
		.sh_addralign = 1,
	};
	memcpy(headers->names, section_names, sizeof(section_names));
}

static void put_headers(struct stub_image *image, uint32_t frames_end)
{
	struct headers headers = {
		.elf = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
				    EV_CURRENT},
			.e_type = ET_DYN,
			.e_machine = EM_X86_64,
			.e_version = EV_CURRENT,
			.e_phoff = offsetof(struct headers, code),
			.e_shoff = offsetof(struct headers,  sections),
			.e_ehsize = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 2,
			.e_shentsize = sizeof(Elf64_Shdr),
			.e_shnum = 3,
			.e_shstrndx = 2},
		.code = {.p_type = PT_LOAD,
                        .p_flags = PF_R | PF_X,
                        .p_filesz = STUB_TEXT_BYTES,
                        .p_memsz = STUB_TEXT_BYTES,
                        .p_align = 4096                   },
		.frames = {.p_type = PT_GNU_EH_FRAME,
                        .p_flags = PF_R,
                        .p_offset = STUB_FRAMES_AT,
                        .p_vaddr = STUB_FRAMES_AT,
                        .p_paddr = STUB_FRAMES_AT,
                        .p_filesz = INDEX_BYTES,
                        .p_memsz = INDEX_BYTES,
                        .p_align = 4                        },
	};

	put_sections(&headers, frames_end);
	memcpy(image->text, &headers, sizeof(headers));
}

int stub_frames__write(struct stub_image *image)
{
	struct walk walk = {
		.image = image,
		.places = calloc(image->used, sizeof(*walk.places)),
		.todo = calloc(image->used, sizeof(*walk.todo)),
	};
	int err = walk.places && walk.todo ? follow_all(&walk) : -ENOMEM;

	if (!err)
		err = put_frames(image, &walk);
	if (err > 0) {
		put_headers(image, err);
		err = 0;
	}
	free(walk.places);
	free(walk.todo);
	return err;
}
