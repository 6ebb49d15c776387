// SPDX-License-Identifier: Apache-2.0
#include "symbol/plt.h"

#include <Zydis/Zydis.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

/* libxul imports some 10,000. */
#define SLOTS_MAX  1000000
/* Relocations of any kind, of all tables together; libLLVM-14, of 110 MB, has 400,000. */
#define READ_MAX   16000000
#define NAME_SIZE  4096

/* A stub of two instructions; an older .plt.got has them in 8 bytes, which its header says. */
#define STUB_SIZE  16
#define SHORT_SIZE 8

/* The word that a stub jumps through, and whose function it will hold. */
struct slot {
	uint64_t vaddr;
	const char *name;
};

struct section {
	uint64_t vaddr;
	const uint8_t *bytes;
	size_t size;
	unsigned int stub_size;
};

static const char *const section_names[] = {".plt", ".plt.sec", ".plt.got"};

#define SECTIONS (sizeof(section_names) / sizeof(*section_names))

struct plt {
	struct section sections[SECTIONS];
	struct slot *slots;
	size_t slot_count, slot_capacity;
	size_t read;
	char name[NAME_SIZE];
};

static int compare_slots(const void *left, const void *right)
{
	const struct slot *a = left, *b = right;

	return (a->vaddr > b->vaddr) - (a->vaddr < b->vaddr);
}

/* The name of a dynamic symbol. */
struct names {
	Elf_Data *symbols;
	const char *strings;
	size_t size;
};

static const char *name_of(const struct names *names, size_t number)
{
	GElf_Sym sym;

	if (!gelf_getsym(names->symbols, number, &sym) || sym.st_name >= names->size ||
	    !names->strings[sym.st_name])
		return NULL;
	return names->strings + sym.st_name;
}

static bool find_names(const struct elf_image *image, const GElf_Shdr *relocations,
		       struct names *names)
{
	Elf_Scn *section = elf_getscn(elf_image__elf(image), relocations->sh_link);
	GElf_Shdr shdr;

	if (!section || !gelf_getshdr(section, &shdr) || shdr.sh_type != SHT_DYNSYM)
		return false;
	names->symbols = elf_getdata(section, NULL);
	names->strings = elf_image__strings(image, shdr.sh_link, &names->size);
	return names->symbols && names->strings;
}

static int read_slots(struct plt *plt, const struct elf_image *image, Elf_Scn *section,
		      const GElf_Shdr *shdr)
{
	Elf_Data *data = elf_getdata(section, NULL);
	struct names names;
	GElf_Rela rela;

	if (!data || !find_names(image, shdr, &names))
		return 0;
	for (int i = 0;
	     plt->slot_count < SLOTS_MAX && plt->read < READ_MAX && gelf_getrela(data, i, &rela);
	     i++, plt->read++) {
		uint64_t type = GELF_R_TYPE(rela.r_info);
		struct slot slot = {.vaddr = rela.r_offset};

		if (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT)
			continue;
		slot.name = name_of(&names, GELF_R_SYM(rela.r_info));
		if (slot.name &&
		    array_append(&plt->slots, &plt->slot_count, &plt->slot_capacity, slot))
			return -ENOMEM;
	}
	return 0;
}

static int read_all_slots(struct plt *plt, const struct elf_image *image)
{
	Elf_Scn *section = NULL;
	GElf_Shdr shdr;
	int err = 0;

	while (!err && plt->read < READ_MAX &&
	       (section = elf_nextscn(elf_image__elf(image), section))) {
		if (gelf_getshdr(section, &shdr) && shdr.sh_type == SHT_RELA &&
		    !(shdr.sh_flags & SHF_COMPRESSED))
			err = read_slots(plt, image, section, &shdr);
	}
	if (plt->slot_count)
		qsort(plt->slots, plt->slot_count, sizeof(*plt->slots), compare_slots);
	return err;
}

struct plt *plt__read(const struct elf_image *image)
{
	struct plt *plt = calloc(1, sizeof(*plt));

	if (!plt)
		return NULL;
	for (size_t i = 0; i < SECTIONS; i++) {
		GElf_Shdr shdr;
		Elf_Data *data = elf_image__section(image, section_names[i], &shdr);

		if (!data)
			continue;
		plt->sections[i] = (struct section){
			.vaddr = shdr.sh_addr,
			.bytes = data->d_buf,
			.size = data->d_size,
			.stub_size = shdr.sh_entsize == SHORT_SIZE ? SHORT_SIZE : STUB_SIZE,
		};
	}
	if (!read_all_slots(plt, image))
		return plt;
	plt__free(plt);
	errno = ENOMEM;
	return NULL;
}

void plt__free(struct plt *plt)
{
	if (!plt)
		return;
	free(plt->slots);
	free(plt);
}

static const struct slot *find_slot(const struct plt *plt, uint64_t vaddr)
{
	const struct slot wanted = {.vaddr = vaddr};

	return plt->slot_count ? bsearch(&wanted, plt->slots, plt->slot_count, sizeof(*plt->slots),
					 compare_slots)
			       : NULL;
}

/* The address of the word that this instruction jumps through: `jmp *offset(%rip)`. */
static bool is_jump(const ZydisDecodedInstruction *instruction, const ZydisDecodedOperand *operand,
		    uint64_t vaddr, uint64_t *slot)
{
	return instruction->mnemonic == ZYDIS_MNEMONIC_JMP &&
	       operand->type == ZYDIS_OPERAND_TYPE_MEMORY &&
	       operand->mem.base == ZYDIS_REGISTER_RIP &&
	       ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(instruction, operand, vaddr, slot));
}

/* Decodes one stub: an endbr64 may come before the jump. */
static const struct slot *slot_of(const struct plt *plt, const struct section *section,
				  uint64_t offset)
{
	uint64_t end = offset + section->stub_size;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction instruction;
	ZydisDecoder decoder;
	uint64_t slot;

	if (end > section->size)
		end = section->size;
	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (; offset < end; offset += instruction.length) {
		if (ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, section->bytes + offset,
						       end - offset, &instruction, operands)))
			return NULL;
		if (is_jump(&instruction, operands, section->vaddr + offset, &slot))
			return find_slot(plt, slot);
		if (instruction.mnemonic != ZYDIS_MNEMONIC_ENDBR64)
			return NULL;
	}
	return NULL;
}

const char *plt__find(struct plt *plt, uint64_t vaddr, uint64_t *start)
{
	for (size_t i = 0; i < SECTIONS; i++) {
		const struct section *section = &plt->sections[i];
		const struct slot *slot;
		uint64_t offset;

		if (vaddr < section->vaddr || vaddr - section->vaddr >= section->size)
			continue;
		offset = vaddr - section->vaddr;
		offset -= offset % section->stub_size;
		slot = slot_of(plt, section, offset);
		if (!slot)
			return NULL;
		*start = section->vaddr + offset;
		snprintf(plt->name, sizeof(plt->name), "%s@plt", slot->name);
		return plt->name;
	}
	return NULL;
}
