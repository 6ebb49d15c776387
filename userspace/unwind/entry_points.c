// SPDX-License-Identifier: Apache-2.0
#include "unwind/entry_points.h"

#include <stdbool.h>
#include <string.h>

/* Of all symbol and relocation tables together; libLLVM-14, of 110 MB, has 15 MB. */
#define TABLE_BYTES_MAX (256ULL << 20)
/* .preinit_array, .init_array and .fini_array. */
#define ARRAYS_MAX      3
#define STUB_SIZE       16
/* libxul has some 10,000. */
#define STUBS_MAX       1000000

struct array {
	uint64_t start, size; /* vaddr, bytes */
};

struct listing {
	Elf *elf;
	int (*note)(void *context, uint64_t vaddr);
	void *context;
	uint64_t bytes_read, stubs;
	struct array arrays[ARRAYS_MAX];
	size_t array_count;
	size_t names; /* the section of the sections' names */
};

/* The section's bytes as records; NULL where there are none or too many. */
static Elf_Data *read_table(struct listing *listing, Elf_Scn *section, const GElf_Shdr *shdr)
{
	if (shdr->sh_flags & SHF_COMPRESSED ||
	    shdr->sh_size > TABLE_BYTES_MAX - listing->bytes_read)
		return NULL;
	listing->bytes_read += shdr->sh_size;
	return elf_getdata(section, NULL);
}

static int note_functions(struct listing *listing, Elf_Scn *section, const GElf_Shdr *shdr)
{
	Elf_Data *data = read_table(listing, section, shdr);
	GElf_Sym sym;
	int err = 0;

	for (int i = 0; !err && data && gelf_getsym(data, i, &sym); i++) {
		if (GELF_ST_TYPE(sym.st_info) == STT_FUNC && sym.st_shndx != SHN_UNDEF)
			err = listing->note(listing->context, sym.st_value);
	}
	return err;
}

static int note_dynamic(struct listing *listing, Elf_Scn *section, const GElf_Shdr *shdr)
{
	Elf_Data *data = read_table(listing, section, shdr);
	GElf_Dyn dyn;
	int err = 0;

	for (int i = 0; !err && data && gelf_getdyn(data, i, &dyn) && dyn.d_tag != DT_NULL; i++) {
		if (dyn.d_tag == DT_INIT || dyn.d_tag == DT_FINI)
			err = listing->note(listing->context, dyn.d_un.d_ptr);
	}
	return err;
}

/* What stands in the file is what counts in an executable that is not moved, and where relocations
 * are packed (DT_RELR). Elsewhere it is 0 or the same as in the relocation. */
static int note_array(struct listing *listing, Elf_Scn *section, const GElf_Shdr *shdr)
{
	Elf_Data *data;
	int err = 0;

	if (listing->array_count == ARRAYS_MAX)
		return 0;
	listing->arrays[listing->array_count++] =
		(struct array){.start = shdr->sh_addr, .size = shdr->sh_size};
	data = read_table(listing, section, shdr);
	for (size_t at = 0; !err && data && data->d_buf && data->d_size - at >= sizeof(uint64_t);
	     at += sizeof(uint64_t)) {
		uint64_t vaddr;

		memcpy(&vaddr, (const char *)data->d_buf + at, sizeof(vaddr));
		err = listing->note(listing->context, vaddr);
	}
	return err;
}

static bool is_in_array(const struct listing *listing, uint64_t vaddr)
{
	for (size_t i = 0; i < listing->array_count; i++) {
		if (vaddr - listing->arrays[i].start < listing->arrays[i].size)
			return true;
	}
	return false;
}

static int note_relocations(struct listing *listing, Elf_Scn *section, const GElf_Shdr *shdr)
{
	Elf_Data *data = read_table(listing, section, shdr);
	GElf_Rela rela;
	int err = 0;

	for (int i = 0; !err && data && gelf_getrela(data, i, &rela); i++) {
		if (GELF_R_TYPE(rela.r_info) == R_X86_64_RELATIVE &&
		    is_in_array(listing, rela.r_offset))
			err = listing->note(listing->context, rela.r_addend);
	}
	return err;
}

/* Of those that the file has: the section may claim any number. */
static int note_stubs(struct listing *listing, Elf_Scn *section, const GElf_Shdr *shdr)
{
	uint64_t step = shdr->sh_entsize == STUB_SIZE / 2 ? STUB_SIZE / 2 : STUB_SIZE;
	const Elf_Data *data = read_table(listing, section, shdr);
	uint64_t count = data ? data->d_size / step : 0;
	int err = 0;

	for (uint64_t i = 0; !err && i < count && listing->stubs++ < STUBS_MAX; i++)
		err = listing->note(listing->context, shdr->sh_addr + i * step);
	return err;
}

/* As the linker's crti.o and its own stubs are laid out. */
static int note_code(struct listing *listing, Elf_Scn *section, const GElf_Shdr *shdr)
{
	const char *name = elf_strptr(listing->elf, listing->names, shdr->sh_name);

	if (!name || !(shdr->sh_flags & SHF_EXECINSTR))
		return 0;
	if (!strcmp(name, ".init") || !strcmp(name, ".fini"))
		return listing->note(listing->context, shdr->sh_addr);
	if (strcmp(name, ".plt.sec") && strcmp(name, ".plt.got"))
		return 0;
	return note_stubs(listing, section, shdr);
}

static int note_section(struct listing *listing, Elf_Scn *section, const GElf_Shdr *shdr)
{
	switch (shdr->sh_type) {
	case SHT_PROGBITS:
		return note_code(listing, section, shdr);
	case SHT_DYNAMIC:
		return note_dynamic(listing, section, shdr);
	case SHT_PREINIT_ARRAY:
	case SHT_INIT_ARRAY:
	case SHT_FINI_ARRAY:
		return note_array(listing, section, shdr);
	case SHT_SYMTAB:
	case SHT_DYNSYM:
		return note_functions(listing, section, shdr);
	default:
		return 0;
	}
}

int entry_points__each(Elf *elf, int (*note)(void *context, uint64_t vaddr), void *context)
{
	struct listing listing = {.elf = elf, .note = note, .context = context};
	Elf_Scn *section = NULL;
	GElf_Shdr shdr;
	int err = 0;

	if (elf_getshdrstrndx(elf, &listing.names))
		return 0;
	while (!err && (section = elf_nextscn(elf, section))) {
		if (gelf_getshdr(section, &shdr))
			err = note_section(&listing, section, &shdr);
	}
	/* The sections before the arrays have their relocations. */
	while (!err && (section = elf_nextscn(elf, section))) {
		if (gelf_getshdr(section, &shdr) && shdr.sh_type == SHT_RELA)
			err = note_relocations(&listing, section, &shdr);
	}
	return err;
}
