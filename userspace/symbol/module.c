// SPDX-License-Identifier: Apache-2.0
#include "symbol/module.h"

#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "symbol/dwarf_index.h"
#include "symbol/elf_image.h"
#include "symbol/elf_symbols.h"
#include "symbol/fde_ranges.h"
#include "symbol/minidebug.h"
#include "symbol/plt.h"
#include "symbol/symtab.h"

struct module {
	const struct opener *opener;
	struct elf_image *main, *debug, *mini; /* NULL: there is none that can be read */
	struct dwarf_place debug_place;
	struct dwarf_index *dwarf; /* NULL: there is none */
	struct symtab symtab;      /* names live in the images */
	struct fde_list fdes;
	struct plt *plt;
	struct found found; /* the last answer */
};

static struct elf_image *open_debug(struct module *module)
{
	const struct opener *opener = module->opener;
	GElf_Word crc = 0;
	const char *name = dwelf_elf_gnu_debuglink(elf_image__elf(module->main), &crc);
	int fd = opener->find_debug(opener->context, name, crc, &module->debug_place);

	return fd < 0 ? NULL : elf_image__open(fd);
}

static int open_images(struct module *module, int fd)
{
	/* The image closes its own. */
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -EBADMSG;
	module->main = elf_image__open(fd);
	if (!module->main)
		return -EBADMSG;
	if (!elf_image__has_dwarf(module->main))
		module->debug = open_debug(module);
	return 0;
}

/* The file's own full table, or what it was stripped of; the dynamic one in any case, as the others
 * may leave out what is in it. */
static int read_symbols(struct module *module)
{
	const struct elf_image *image = module->main;
	int err;

	if (!elf_symbols__has(image, SHT_SYMTAB) && module->debug)
		image = module->debug;
	if (!elf_symbols__has(image, SHT_SYMTAB))
		module->mini = minidebug__open(module->main);
	err = elf_symbols__add(&module->symtab, module->mini ?: image, SHT_SYMTAB, &module->fdes);
	if (!err)
		err = elf_symbols__add(&module->symtab, module->main, SHT_DYNSYM, &module->fdes);
	return err ? err : symtab__finish(&module->symtab);
}

static int open_dwarf(struct module *module)
{
	bool is_own = elf_image__has_dwarf(module->main);
	const struct elf_image *image = is_own ? module->main : module->debug;
	struct dwarf_source source = {
		.opener = module->opener,
		.of_debug = !is_own,
		.place = is_own ? module->opener->place : module->debug_place,
	};

	if (!image)
		return 0;
	module->dwarf = dwarf_index__open(image, &source);
	return module->dwarf || errno != ENOMEM ? 0 : -ENOMEM;
}

static int read_all(struct module *module, int fd)
{
	int err = open_images(module, fd);

	if (err)
		return err;
	err = fde_ranges__read(&module->fdes, module->main);
	if (!err && !module->fdes.count && module->debug)
		err = fde_ranges__read(&module->fdes, module->debug);
	if (!err)
		err = read_symbols(module);
	if (!err)
		err = open_dwarf(module);
	if (err)
		return err;
	module->plt = plt__read(module->main);
	return module->plt ? 0 : -ENOMEM;
}

struct module *module__open(int fd, const struct opener *opener)
{
	struct module *module = calloc(1, sizeof(*module));
	int err;

	if (!module)
		return NULL;
	module->opener = opener;
	err = read_all(module, fd);
	if (err != -ENOMEM)
		return module;
	module__close(module);
	errno = -err;
	return NULL;
}

void module__close(struct module *module)
{
	if (!module)
		return;
	plt__free(module->plt);
	symtab__release(&module->symtab);
	fde_list__release(&module->fdes);
	dwarf_index__close(module->dwarf);
	elf_image__close(module->mini);
	elf_image__close(module->debug);
	elf_image__close(module->main);
	free(module);
}

/* One name, at the line that DWARF may have told: assembly without lines comes in the table behind
 * the last line of the function before it. */
static void set_name(struct found *found, const char *name, uint64_t start)
{
	if (found->line_vaddr < start)
		found->lines[0] = (struct found_line){};
	found->lines[0].system_name = name;
	found->count = 1;
	found->function_vaddr = start;
}

static void find_undescribed(struct module *module, uint64_t vaddr)
{
	const struct symbol *symbol = symtab__find(&module->symtab, vaddr);
	struct found *found = &module->found;
	const char *name;
	uint64_t start;

	if (symbol) {
		set_name(found, symbol->name, symbol->start);
		return;
	}
	name = module->plt ? plt__find(module->plt, vaddr, &start) : NULL;
	if (name)
		set_name(found, name, start);
}

/* Whether it is the name with what gcc puts behind a part of a function: ".cold", ".part.0". */
static bool is_part_of(const char *symbol, const char *name)
{
	size_t length = strlen(name);

	return !strncmp(symbol, name, length) && symbol[length] == '.';
}

/* Of a function with several names DWARF has the one in its source, and of C++ not always the
 * mangled one; the linker's symbol is what others call: malloc, in DWARF __libc_malloc. */
static void choose_name(const struct module *module, uint64_t vaddr, struct found_line *function)
{
	const struct symbol *symbol = symtab__find(&module->symtab, vaddr);

	if (symbol && !is_part_of(symbol->name, function->system_name))
		function->system_name = symbol->name;
}

struct found *module__find(struct module *module, uint64_t vaddr)
{
	const struct fde *fde = fde_ranges__find(&module->fdes, vaddr);
	struct found *found = &module->found;

	found->count = 0;
	found->tells_inlined = false;
	found->lines[0] = (struct found_line){};
	found->line_vaddr = 0;
	found->function_vaddr = fde ? fde->start : vaddr;
	if (module->dwarf)
		dwarf_index__find(module->dwarf, vaddr, found);
	if (found->count)
		choose_name(module, vaddr, &found->lines[found->count - 1]);
	else
		find_undescribed(module, vaddr);
	return found;
}

void module__forget(struct module *module)
{
	if (module->dwarf)
		dwarf_index__forget(module->dwarf);
	if (module->debug)
		elf_image__forget_pages(module->debug);
	if (module->main)
		elf_image__forget_pages(module->main);
}

size_t module__bytes(const struct module *module)
{
	size_t bytes = sizeof(*module) + symtab__bytes(&module->symtab) +
		       module->fdes.capacity * sizeof(*module->fdes.items);

	if (module->dwarf)
		bytes += dwarf_index__bytes(module->dwarf);
	if (module->main)
		bytes += elf_image__bytes(module->main);
	if (module->debug)
		bytes += elf_image__bytes(module->debug);
	if (module->mini)
		bytes += elf_image__bytes(module->mini);
	return bytes;
}

size_t module__decoded(const struct module *module)
{
	return module->dwarf ? dwarf_index__indexed(module->dwarf) : 0;
}
