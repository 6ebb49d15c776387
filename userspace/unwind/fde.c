// SPDX-License-Identifier: Apache-2.0
#include "unwind/fde.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

/* libLLVM, of 110 MB, has 95,000. */
#define FDES_MAX       8000000
/* The machine has some 130; compilers remember one state at a time. */
#define REGISTERS_MAX  256
#define REMEMBERED_MAX 4096
/* Bytes; those of compilers have some 24. It is read again whenever functions take turns. */
#define CIE_SIZE_MAX   1024
/* "zPLRS" and the like. */
#define LETTERS_MAX    15

/* A reader that stops at the end of its bytes, and remembers. */
struct reader {
	const uint8_t *at, *end;
	bool bad;
};

static uint64_t read_fixed(struct reader *reader, size_t size, bool is_signed)
{
	uint64_t value = 0;

	if ((size_t)(reader->end - reader->at) < size) {
		reader->bad = true;
		return 0;
	}
	memcpy(&value, reader->at, size);
	reader->at += size;
	if (is_signed && size < 8 && value >> (8 * size - 1))
		value |= ~0ULL << (8 * size);
	return value;
}

static uint64_t read_leb(struct reader *reader, bool is_signed)
{
	uint64_t value = 0;
	unsigned int shift = 0;
	uint8_t byte = 0x80;

	while (byte & 0x80) {
		if (reader->at == reader->end || shift > 63) {
			reader->bad = true;
			return 0;
		}
		byte = *reader->at++;
		value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	}
	if (is_signed && byte & 0x40 && shift < 64)
		value |= ~0ULL << shift;
	return value;
}

/* The low half of a pointer encoding says how the number is written (LSB 5.0, 10.5). */
static uint64_t read_number(struct reader *reader, unsigned int encoding)
{
	switch (encoding & 0x0f) {
	case DW_EH_PE_absptr:
	case DW_EH_PE_udata8:
	case DW_EH_PE_sdata8:
		return read_fixed(reader, 8, false);
	case DW_EH_PE_udata4:
		return read_fixed(reader, 4, false);
	case DW_EH_PE_sdata4:
		return read_fixed(reader, 4, true);
	case DW_EH_PE_udata2:
		return read_fixed(reader, 2, false);
	case DW_EH_PE_sdata2:
		return read_fixed(reader, 2, true);
	case DW_EH_PE_uleb128:
		return read_leb(reader, false);
	case DW_EH_PE_sleb128:
		return read_leb(reader, true);
	default:
		reader->bad = true;
		return 0;
	}
}

/* A number of bytes, and as many bytes. */
static void skip_block(struct reader *reader)
{
	uint64_t size = read_leb(reader, false);

	if (size > (uint64_t)(reader->end - reader->at))
		reader->bad = true;
	else
		reader->at += size;
}

/* What follows an instruction: r a register, u and s numbers, b a block, digits as many bytes.
 * Those that libdw does not know either are not here, nor is set_loc, which no compiler uses. */
static const char *const operands[0x40] = {
	[DW_CFA_nop] = "",
	[DW_CFA_advance_loc1] = "1",
	[DW_CFA_advance_loc2] = "2",
	[DW_CFA_advance_loc4] = "4",
	[DW_CFA_offset_extended] = "ru",
	[DW_CFA_restore_extended] = "r",
	[DW_CFA_undefined] = "r",
	[DW_CFA_same_value] = "r",
	[DW_CFA_register] = "rr",
	[DW_CFA_remember_state] = "",
	[DW_CFA_restore_state] = "",
	[DW_CFA_def_cfa] = "ru",
	[DW_CFA_def_cfa_register] = "r",
	[DW_CFA_def_cfa_offset] = "u",
	[DW_CFA_def_cfa_expression] = "b",
	[DW_CFA_expression] = "rb",
	[DW_CFA_offset_extended_sf] = "rs",
	[DW_CFA_def_cfa_sf] = "rs",
	[DW_CFA_def_cfa_offset_sf] = "s",
	[DW_CFA_val_offset] = "ru",
	[DW_CFA_val_offset_sf] = "rs",
	[DW_CFA_val_expression] = "rb",
	[DW_CFA_GNU_args_size] = "u",
	[DW_CFA_GNU_negative_offset_extended] = "ru",
};

static void skip_operand(struct reader *reader, char kind)
{
	if (kind == 'b')
		skip_block(reader);
	else if (kind == 'r')
		reader->bad |= read_leb(reader, false) >= REGISTERS_MAX;
	else if (kind == 'u' || kind == 's')
		read_leb(reader, false);
	else
		read_fixed(reader, kind - '0', false);
}

/* libdw 0.188 makes room for every register that a program names, for each row anew (of number
 * 2^27: 1 GiB), keeps every state that is remembered, and reads operands behind the program's end.
 */
static bool is_harmless(struct reader reader)
{
	size_t remembered = 0;

	while (!reader.bad && reader.at < reader.end) {
		uint8_t opcode = read_fixed(&reader, 1, false);
		const char *kinds = operands[opcode & 0x3f];

		/* The three that have an operand in their low bits; only DW_CFA_offset has another.
		 */
		if (opcode & 0xc0)
			kinds = (opcode & 0xc0) == DW_CFA_offset ? "u" : "";
		remembered += opcode == DW_CFA_remember_state;
		if (!kinds || remembered > REMEMBERED_MAX)
			return false;
		for (; *kinds; kinds++)
			skip_operand(&reader, *kinds);
	}
	return !reader.bad;
}

struct listing {
	const unsigned char *e_ident;
	Elf_Data *data;
	uint64_t section_vaddr;
	bool is_eh_frame;
	uint64_t cie_offset; /* of the one whose encoding is known */
	int encoding;        /* of its functions' addresses; -1: none is known */
	bool is_sized;       /* its functions have augmentation data */
	bool is_harmful;     /* libdw must not see the section: it runs what stands in it unasked */
};

/* A CIE's augmentation "zPLR..." tells what its augmentation data holds, letter by letter; R is the
 * encoding of addresses in its FDEs (LSB 5.0, 10.6.1.1.1). */
static int encoding_of(const struct listing *listing, const Dwarf_CIE *cie)
{
	struct reader reader = {
		.at = cie->augmentation_data,
		.end = cie->augmentation_data + cie->augmentation_data_size,
	};

	if (!listing->is_eh_frame || cie->augmentation[0] != 'z')
		return DW_EH_PE_absptr;
	for (const char *letter = cie->augmentation + 1; *letter && !reader.bad; letter++) {
		switch (*letter) {
		case 'R':
			return read_fixed(&reader, 1, false);
		case 'L':
			read_fixed(&reader, 1, false);
			break;
		case 'P':
			read_number(&reader, read_fixed(&reader, 1, false));
			break;
		case 'S':
		case 'B':
			break;
		default:
			return -1;
		}
	}
	return reader.bad ? -1 : DW_EH_PE_absptr;
}

static bool is_small(const Elf_Data *data, uint64_t offset)
{
	uint32_t size;

	if (offset > data->d_size || data->d_size - offset < sizeof(size))
		return false;
	memcpy(&size, (const uint8_t *)data->d_buf + offset, sizeof(size));
	return size <= CIE_SIZE_MAX;
}

static int fde_encoding(struct listing *listing, uint64_t cie_offset)
{
	Dwarf_CFI_Entry entry;
	Dwarf_Off next;

	if (listing->encoding >= 0 && listing->cie_offset == cie_offset)
		return listing->encoding;
	listing->encoding = -1;
	if (!is_small(listing->data, cie_offset)) {
		listing->is_harmful = true;
		return -1;
	}
	if (dwarf_next_cfi(listing->e_ident, listing->data, listing->is_eh_frame, cie_offset, &next,
			   &entry) ||
	    !dwarf_cfi_cie_p(&entry))
		return -1;
	listing->cie_offset = cie_offset;
	listing->is_sized = entry.cie.augmentation[0] == 'z';
	if (is_harmless((struct reader){.at = entry.cie.initial_instructions,
					.end = entry.cie.initial_instructions_end}))
		listing->encoding = encoding_of(listing, &entry.cie);
	listing->is_harmful |= listing->encoding < 0;
	return listing->encoding;
}

/* The first address is relative to where it stands, or absolute; the second is a length. */
static bool decode(struct listing *listing, const Dwarf_FDE *entry, struct fde *fde)
{
	int encoding = fde_encoding(listing, entry->CIE_pointer);
	struct reader reader = {.at = entry->start, .end = entry->end};
	uint64_t here =
		listing->section_vaddr + (entry->start - (const uint8_t *)listing->data->d_buf);
	uint64_t length;

	if (encoding < 0)
		return false;
	fde->start = read_number(&reader, encoding);
	length = read_number(&reader, encoding & 0x07);
	if ((encoding & 0x70) == DW_EH_PE_pcrel)
		fde->start += here;
	else if ((encoding & 0x70) != DW_EH_PE_absptr)
		listing->is_harmful = true;
	fde->end = fde->start + length;
	if (listing->is_sized)
		skip_block(&reader);
	fde->program_size = reader.end - reader.at;
	listing->is_harmful |=
		encoding & DW_EH_PE_indirect || (!reader.bad && !is_harmless(reader));
	return !reader.bad && fde->end > fde->start;
}

static int compare_fdes(const void *left, const void *right)
{
	const struct fde *a = left, *b = right;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return (a->end > b->end) - (a->end < b->end);
}

static void sort(struct fde_list *list)
{
	size_t kept = 0;

	if (list->count)
		qsort(list->items, list->count, sizeof(*list->items), compare_fdes);
	for (size_t i = 0; i < list->count; i++) {
		if (kept && list->items[kept - 1].start == list->items[i].start)
			continue;
		list->items[kept++] = list->items[i];
	}
	list->count = kept;
}

/* Skips one entry. libdw 0.188 reads a byte and more for each letter of a CIE's augmentation,
 * wherever that may be: a long one is refused. */
static void check_entry(struct reader *reader, bool is_eh_frame)
{
	uint64_t size = read_fixed(reader, 4, true);
	size_t id_size = size == UINT64_MAX ? 8 : 4;
	struct reader entry;
	uint64_t id;

	size = id_size == 8 ? read_fixed(reader, 8, false) : (uint32_t)size;
	entry = *reader;
	/* libdw goes no further either. */
	if (!size || size > (uint64_t)(reader->end - reader->at))
		size = reader->end - reader->at;
	reader->at += size;
	entry.end = reader->at;
	id = read_fixed(&entry, id_size, true);
	read_fixed(&entry, 1, false);
	if (!entry.bad && id == (is_eh_frame ? 0 : UINT64_MAX) &&
	    strnlen((const char *)entry.at, entry.end - entry.at) > LETTERS_MAX)
		reader->bad = true;
}

static bool is_readable(const Elf_Data *data, bool is_eh_frame)
{
	struct reader reader = {.at = data->d_buf, .end = (uint8_t *)data->d_buf + data->d_size};

	while (!reader.bad && reader.end - reader.at > 4)
		check_entry(&reader, is_eh_frame);
	return !reader.bad;
}

int fde_list__read(struct fde_list *list, const unsigned char *e_ident, Elf_Data *data,
		   uint64_t section_vaddr, bool is_eh_frame)
{
	struct listing listing = {
		.e_ident = e_ident,
		.data = data,
		.section_vaddr = section_vaddr,
		.is_eh_frame = is_eh_frame,
		.encoding = -1,
	};
	Dwarf_Off offset = 0, next = 0;

	if (!is_readable(data, is_eh_frame))
		return -EBADMSG;
	for (; list->count < FDES_MAX && !listing.is_harmful; offset = next) {
		Dwarf_CFI_Entry entry;
		struct fde fde;
		int result = dwarf_next_cfi(e_ident, data, is_eh_frame, offset, &next, &entry);

		/* 1: the end. -1: an entry that is none, after which the next may be found or not.
		 */
		if (result > 0 || next <= offset)
			break;
		if (result < 0) {
			list->dropped++;
			continue;
		}
		if (dwarf_cfi_cie_p(&entry))
			continue;
		if (!decode(&listing, &entry.fde, &fde))
			list->dropped++;
		else if (array_append(&list->items, &list->count, &list->capacity, fde))
			return -ENOMEM;
	}
	if (listing.is_harmful)
		return -EBADMSG;
	sort(list);
	return 0;
}

void fde_list__release(struct fde_list *list)
{
	free(list->items);
	memset(list, 0, sizeof(*list));
}
