// SPDX-License-Identifier: Apache-2.0
#include "symbol/dwarf_index.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwelf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "symbol/address_map.h"
#include "symbol/inline_chain.h"
#include "symbol/strings.h"
#include "symbol/unit.h"

/* Chromium has 30,000 units. */
#define UNITS_MAX      1000000
#define UNIT_SPANS_MAX 8000000

struct dwarf_index {
	const struct elf_image *image;
	struct dwarf_source source;
	Dwarf *dwarf;   /* NULL: forgotten, or cannot be read */
	uint32_t begun; /* how often */
	struct elf_image *alt_image;
	Dwarf *alt;
	struct unit *units;
	size_t unit_count, unit_capacity, indexed;
	struct address_map map; /* numbers of units */
	struct strings *files;
	size_t unit_bytes;
	struct inline_chain chain; /* of the last address */
};

static struct elf_image *open_alt(const struct dwarf_index *index, bool on_host, const char *path,
				  const void *id, ssize_t id_size)
{
	const struct dwarf_source *source = &index->source;
	int fd =
		source->opener->open_part(source->opener->context, source->of_debug, on_host, path);
	struct elf_image *image = fd < 0 ? NULL : elf_image__open_part(fd);
	const void *found;

	if (image && dwelf_elf_gnu_build_id(elf_image__elf(image), &found) == id_size &&
	    !memcmp(found, id, id_size))
		return image;
	elf_image__close(image);
	return NULL;
}

static struct elf_image *find_alt_by_id(const struct dwarf_index *index, const unsigned char *id,
					ssize_t id_size)
{
	struct elf_image *image;
	char path[PATH_MAX];
	int length;

	length = snprintf(path, sizeof(path), "/usr/lib/debug/.build-id/%02x/", id[0]);
	for (ssize_t i = 1; i < id_size && length < 256; i++)
		length += sprintf(path + length, "%02x", id[i]);
	strcpy(path + length, ".debug");
	image = open_alt(index, true, path, id, id_size);
	if (!image && !index->source.place.is_hosts)
		image = open_alt(index, false, path, id, id_size);
	return image;
}

/* By build ID, else by name, relative to the file's own directory; the build ID must be that. */
static struct elf_image *find_alt(const struct dwarf_index *index, const char *name,
				  const unsigned char *id, ssize_t id_size)
{
	const char *directory = index->source.place.directory;
	struct elf_image *image;
	char path[PATH_MAX];

	if (!index->source.opener)
		return NULL;
	image = find_alt_by_id(index, id, id_size);
	if (image || *name == '/')
		return image ?: open_alt(index, false, name, id, id_size);
	if (!*directory ||
	    (size_t)snprintf(path, sizeof(path), "%s/%s", directory, name) >= sizeof(path))
		return NULL;
	return open_alt(index, false, path, id, id_size);
}

/* What dwz has moved to a file that several share. libdw would look for it by itself, but take any
 * file, and wait for a pipe. 0, or -ENOENT where there is one and it cannot be found. */
static int begin_alt(struct dwarf_index *index)
{
	const char *name;
	const void *id;
	ssize_t id_size = dwelf_dwarf_gnu_debugaltlink(index->dwarf, &name, &id);

	if (id_size <= 0)
		return 0;
	if (!index->alt_image)
		index->alt_image = find_alt(index, name, id, id_size);
	if (index->alt_image && !index->alt)
		index->alt = dwarf_begin_elf(elf_image__elf(index->alt_image), DWARF_C_READ, NULL);
	if (!index->alt)
		return -ENOENT;
	dwarf_setalt(index->dwarf, index->alt);
	return 0;
}

static int begin(struct dwarf_index *index)
{
	if (index->dwarf)
		return 0;
	index->begun++;
	index->dwarf = dwarf_begin_elf(elf_image__elf(index->image), DWARF_C_READ, NULL);
	if (index->dwarf && !begin_alt(index))
		return 0;
	dwarf_index__forget(index);
	return -ENOENT;
}

struct span_list {
	struct address_span *items;
	size_t count, capacity;
	size_t ranges; /* read, of whatever kind */
};

static int add_unit(struct dwarf_index *index, Dwarf_Die *die, struct span_list *spans)
{
	struct address_span span = {.value = index->unit_count};
	size_t count = spans->count;
	ptrdiff_t next = 0;
	Dwarf_Addr base;

	while ((next = dwarf_ranges(die, next, &base, &span.start, &span.end)) > 0 &&
	       ++spans->ranges < UNIT_SPANS_MAX) {
		/* At 0 is what the linker has thrown away. */
		if (span.start && span.end > span.start &&
		    array_append(&spans->items, &spans->count, &spans->capacity, span))
			return -ENOMEM;
	}
	if (spans->count == count)
		return 0;
	return array_append(&index->units, &index->unit_count, &index->unit_capacity,
			    (struct unit){.offset = dwarf_dieoffset(die)});
}

/* By what each unit says of itself: clang writes no .debug_aranges, and others not for all. */
static int list_units(struct dwarf_index *index)
{
	struct span_list spans = {};
	Dwarf_CU *unit = NULL;
	Dwarf_Die die;
	uint8_t type;
	int err = 0;

	while (!err && index->unit_count < UNITS_MAX &&
	       !dwarf_get_units(index->dwarf, unit, &unit, NULL, &type, &die, NULL)) {
		if (die.addr && (type == DW_UT_compile || type == DW_UT_skeleton))
			err = add_unit(index, &die, &spans);
	}
	if (!err)
		err = address_map__build(&index->map, spans.items, spans.count);
	free(spans.items);
	return err;
}

struct dwarf_index *dwarf_index__open(const struct elf_image *image,
				      const struct dwarf_source *source)
{
	struct dwarf_index *index = calloc(1, sizeof(*index));
	int err = -ENOMEM;

	if (!index)
		return NULL;
	index->image = image;
	index->source = *source;
	index->files = strings__new();
	if (index->files)
		err = elf_image__has_dwarf(image) ? begin(index) : -ENOENT;
	if (!err)
		err = list_units(index);
	if (!err)
		return index;
	dwarf_index__close(index);
	errno = -err;
	return NULL;
}

void dwarf_index__close(struct dwarf_index *index)
{
	if (!index)
		return;
	dwarf_index__forget(index);
	for (size_t i = 0; i < index->unit_count; i++)
		unit__release(&index->units[i]);
	free(index->units);
	address_map__release(&index->map);
	elf_image__close(index->alt_image);
	strings__free(index->files);
	free(index);
}

void dwarf_index__forget(struct dwarf_index *index)
{
	dwarf_end(index->dwarf);
	dwarf_end(index->alt);
	index->dwarf = NULL;
	index->alt = NULL;
	if (index->alt_image)
		elf_image__forget_pages(index->alt_image);
}

size_t dwarf_index__bytes(const struct dwarf_index *index)
{
	return sizeof(*index) + index->unit_capacity * sizeof(*index->units) +
	       index->map.capacity * sizeof(*index->map.entries) + index->unit_bytes +
	       strings__bytes(index->files) +
	       (index->alt_image ? elf_image__bytes(index->alt_image) : 0);
}

size_t dwarf_index__indexed(const struct dwarf_index *index)
{
	return index->indexed;
}

/* NULL for an empty one, too. */
static const char *string_of(Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute memory;
	/* Bounded: it follows 16 references at most (dwarf_attr_integrate.c). */
	const char *string = dwarf_formstring(dwarf_attr_integrate(die, name, &memory));

	return string && *string ? string : NULL;
}

static Dwarf_Word number_of(Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute memory;
	Dwarf_Word value;

	return dwarf_formudata(dwarf_attr_integrate(die, name, &memory), &value) ||
			       value > INT32_MAX
		       ? 0
		       : value;
}

/* As the linker knows it, where it does. */
static const char *system_name(Dwarf_Die *function)
{
	const char *name = string_of(function, DW_AT_linkage_name);

	if (!name)
		name = string_of(function, DW_AT_MIPS_linkage_name);
	return name ?: string_of(function, DW_AT_name);
}

static const char *call_file(const struct unit *unit, Dwarf_Die *inlined)
{
	Dwarf_Word number = number_of(inlined, DW_AT_call_file);

	return number < unit->call_file_count ? unit->call_files[number] : NULL;
}

/* From the innermost out, each but the first at the line where it calls the one before. Where the
 * function itself has no name, nothing has. */
static void add_chain(const struct unit *unit, struct inline_chain *chain, struct found *found)
{
	if (!system_name(&chain->dies[0]))
		return;
	for (size_t i = chain->count; i-- > 0;) {
		Dwarf_Die *die = &chain->dies[i];
		struct found_line *line = &found->lines[found->count];

		line->system_name = system_name(die);
		line->start_line = number_of(die, DW_AT_decl_line);
		if (line->system_name)
			line = &found->lines[++found->count];
		if (!i)
			break;
		line->file = call_file(unit, die);
		line->line = number_of(die, DW_AT_call_line);
	}
	found->tells_inlined = chain->is_whole;
}

static void find_line(const struct unit *unit, uint64_t vaddr, struct found *found)
{
	const struct line_row *row = line_rows__find(&unit->lines, vaddr);

	if (!row)
		return;
	found->lines[0].file = unit->row_files[row->file];
	found->lines[0].line = row->line;
	found->line_vaddr = unit->lines.start + row->offset;
}

static int index_unit(struct dwarf_index *index, struct unit *unit, struct unit_dies *dies)
{
	int err = unit__index(unit, dies, index->files);

	index->unit_bytes += unit__bytes(unit);
	index->indexed++;
	return err;
}

void dwarf_index__find(struct dwarf_index *index, uint64_t vaddr, struct found *found)
{
	uint32_t number = address_map__find(&index->map, vaddr);
	struct unit_dies dies;
	struct unit *unit;
	Dwarf_Die function;
	uint32_t offset;

	found->count = 0;
	found->tells_inlined = false;
	found->lines[0] = (struct found_line){};
	if (number == ADDRESS_MAP_NONE || begin(index))
		return;
	unit = &index->units[number];
	if (unit__dies(unit, index->dwarf, &index->source, index->begun, &dies) ||
	    (!unit->is_indexed && index_unit(index, unit, &dies)))
		return;
	find_line(unit, vaddr, found);
	offset = address_map__find(&unit->functions, vaddr);
	if (offset == ADDRESS_MAP_NONE ||
	    !dwarf_offdie(dwarf_cu_getdwarf(dies.body.cu), dwarf_dieoffset(&dies.body) + offset,
			  &function))
		return;
	inline_chain__find(&index->chain, &function, vaddr);
	add_chain(unit, &index->chain, found);
}
