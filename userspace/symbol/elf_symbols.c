// SPDX-License-Identifier: Apache-2.0
#include "symbol/elf_symbols.h"

#include "symbol/fde_ranges.h"

/* Well above any real file: a bound to what a hostile one can cost. */
#define SYMBOLS_MAX 8000000

struct reading {
	struct symtab *symtab;
	const struct fde_list *fdes;
	const char *names;
	size_t names_size;
};

/* A file has one of each type; what has more of them is up to something. */
static Elf_Scn *find_table(const struct elf_image *image, uint32_t type, GElf_Shdr *shdr)
{
	Elf_Scn *section = NULL;

	while ((section = elf_nextscn(elf_image__elf(image), section))) {
		if (gelf_getshdr(section, shdr) && shdr->sh_type == type &&
		    !(shdr->sh_flags & SHF_COMPRESSED))
			return section;
	}
	return NULL;
}

bool elf_symbols__has(const struct elf_image *image, uint32_t type)
{
	GElf_Shdr shdr;

	return find_table(image, type, &shdr) != NULL;
}

/* Hand-written assembly often says no type either; data does. */
static bool is_function(const GElf_Sym *sym)
{
	int type = GELF_ST_TYPE(sym->st_info);

	return sym->st_shndx != SHN_UNDEF &&
	       (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE);
}

/* The bytes that a symbol covers: those that it says, else those of the FDE that begins with it.
 * One for the code that signal handlers return to begins one byte before, since it is looked up by
 * a return address less one (glibc, sysdeps/unix/sysv/linux/x86_64/libc_sigaction.c). */
static void set_range(const struct reading *reading, const GElf_Sym *sym, struct symbol *symbol)
{
	const struct fde *fde;

	symbol->start = sym->st_value;
	symbol->end = sym->st_value + sym->st_size;
	fde = sym->st_size ? NULL : fde_ranges__find(reading->fdes, sym->st_value);
	if (!fde || sym->st_value - fde->start > 1)
		return;
	symbol->start = fde->start;
	symbol->end = fde->end;
}

static int add_symbol(const struct reading *reading, const GElf_Sym *sym)
{
	struct symbol symbol = {
		.is_weak = GELF_ST_BIND(sym->st_info) == STB_WEAK,
		.is_global = GELF_ST_BIND(sym->st_info) == STB_GLOBAL,
	};

	if (!is_function(sym) || sym->st_name >= reading->names_size ||
	    !reading->names[sym->st_name])
		return 0;
	symbol.name = reading->names + sym->st_name;
	set_range(reading, sym, &symbol);
	return symbol.end > symbol.start ? symtab__add(reading->symtab, symbol) : 0;
}

int elf_symbols__add(struct symtab *symtab, const struct elf_image *image, uint32_t type,
		     const struct fde_list *fdes)
{
	struct reading reading = {.symtab = symtab, .fdes = fdes};
	GElf_Shdr shdr;
	Elf_Scn *section = find_table(image, type, &shdr);
	Elf_Data *data = section ? elf_getdata(section, NULL) : NULL;
	GElf_Sym sym;
	int err = 0;

	if (!data)
		return 0;
	reading.names = elf_image__strings(image, shdr.sh_link, &reading.names_size);
	if (!reading.names)
		return 0;
	for (int i = 0; i < SYMBOLS_MAX && !err && gelf_getsym(data, i, &sym); i++)
		err = add_symbol(&reading, &sym);
	return err;
}
