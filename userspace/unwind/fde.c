// SPDX-License-Identifier: Apache-2.0
#include "unwind/fde.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

/* Chromium has about a million. */
#define FDES_MAX 8000000

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

struct listing {
	const unsigned char *e_ident;
	Elf_Data *data;
	uint64_t section_vaddr;
	bool is_eh_frame;
	uint64_t cie_offset; /* of the one whose encoding is known */
	int encoding;        /* of its functions' addresses; -1: none is known */
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

static int fde_encoding(struct listing *listing, uint64_t cie_offset)
{
	Dwarf_CFI_Entry entry;
	Dwarf_Off next;

	if (listing->encoding >= 0 && listing->cie_offset == cie_offset)
		return listing->encoding;
	listing->encoding = -1;
	if (dwarf_next_cfi(listing->e_ident, listing->data, listing->is_eh_frame, cie_offset, &next,
			   &entry) ||
	    !dwarf_cfi_cie_p(&entry))
		return -1;
	listing->cie_offset = cie_offset;
	listing->encoding = encoding_of(listing, &entry.cie);
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

	if (encoding < 0 || encoding & DW_EH_PE_indirect)
		return false;
	fde->start = read_number(&reader, encoding);
	length = read_number(&reader, encoding & 0x07);
	if ((encoding & 0x70) == DW_EH_PE_pcrel)
		fde->start += here;
	else if ((encoding & 0x70) != DW_EH_PE_absptr)
		return false;
	fde->end = fde->start + length;
	fde->program_size = reader.end - reader.at;
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

	for (; list->count < FDES_MAX; offset = next) {
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
	sort(list);
	return 0;
}

void fde_list__release(struct fde_list *list)
{
	free(list->items);
	memset(list, 0, sizeof(*list));
}
