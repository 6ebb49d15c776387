// SPDX-License-Identifier: Apache-2.0
#include "symbol/module.h"

#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <unistd.h>

#include "symbol/symtab.h"

/* Well above any real file: a bound to what a hostile one can cost. */
#define SYMBOLS_MAX 8000000

struct module {
	struct elf_file *file;
	struct debug_files *debug_files; /* not owned */
	Dwfl *dwfl;
	struct symtab symtab; /* names live in dwfl's memory */
};

static int find_debuginfo(Dwfl_Module *dwfl_module, void **userdata, const char *name,
			  Dwarf_Addr base, const char *file_name, const char *debuglink,
			  GElf_Word crc, char **path)
{
	const struct module *module = *userdata;

	(void)dwfl_module;
	(void)name;
	(void)base;
	(void)file_name;
	return debug_files__find(module->debug_files, module->file, debuglink, crc, path);
}

static const Dwfl_Callbacks callbacks = {
	.find_debuginfo = find_debuginfo,
	.section_address = dwfl_offline_section_address,
};

/* Whether a symbol names code. Hand-written assembly often says no type, but if it says a size,
 * that is enough. */
static bool is_function(const GElf_Sym *sym)
{
	int type = GELF_ST_TYPE(sym->st_info);

	return sym->st_shndx != SHN_UNDEF && sym->st_size &&
	       (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE);
}

static int read_symbols(struct module *module, Dwfl_Module *dwfl_module)
{
	int count = dwfl_module_getsymtab(dwfl_module);
	GElf_Addr bias = 0;

	dwfl_module_getelf(dwfl_module, &bias);
	for (int i = 0; i < count && i < SYMBOLS_MAX; i++) {
		GElf_Addr address;
		GElf_Sym sym;
		const char *name =
			dwfl_module_getsym_info(dwfl_module, i, &sym, &address, NULL, NULL, NULL);
		struct symbol symbol = {
			.start = address - bias,
			.end = address - bias + sym.st_size,
			.name = name,
			.is_weak = GELF_ST_BIND(sym.st_info) == STB_WEAK,
			.is_global = GELF_ST_BIND(sym.st_info) == STB_GLOBAL,
		};
		int err;

		if (!name || !*name || !is_function(&sym) || symbol.end <= symbol.start)
			continue;
		err = symtab__add(&module->symtab, symbol);
		if (err)
			return err;
	}
	return symtab__finish(&module->symtab);
}

/* A file is reported at base 0, so that its addresses are its own and one module serves however
 * often and wherever the file is mapped. */
static Dwfl_Module *report(struct module *module)
{
	Dwfl_Module *reported;
	/* libdwfl closes what it is given. */
	int fd = fcntl(elf_file__fd(module->file), F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return NULL;
	dwfl_report_begin(module->dwfl);
	reported = dwfl_report_elf(module->dwfl, elf_file__name(module->file),
				   elf_file__name(module->file), fd, 0, true);
	dwfl_report_end(module->dwfl, NULL, NULL);
	if (reported) {
		void **userdata;

		dwfl_module_info(reported, &userdata, NULL, NULL, NULL, NULL, NULL, NULL);
		*userdata = module;
	}
	if (!reported)
		close(fd);
	return reported;
}

struct module *module__open(struct elf_file *file, struct debug_files *debug_files)
{
	struct module *module = calloc(1, sizeof(*module));
	Dwfl_Module *reported;
	int err = -ENOMEM;

	if (!module)
		return NULL;
	module->file = elf_file__get(file);
	module->debug_files = debug_files;
	module->dwfl = dwfl_begin(&callbacks);
	if (!module->dwfl)
		goto fail;
	reported = report(module);
	err = reported ? read_symbols(module, reported) : 0;
	if (!err)
		return module;
fail:
	module__close(module);
	errno = -err;
	return NULL;
}

void module__close(struct module *module)
{
	if (!module)
		return;
	symtab__release(&module->symtab);
	dwfl_end(module->dwfl);
	elf_file__put(module->file);
	free(module);
}

const char *module__function(const struct module *module, uint64_t vaddr)
{
	const struct symbol *symbol = symtab__find(&module->symtab, vaddr);

	return symbol ? symbol->name : NULL;
}
