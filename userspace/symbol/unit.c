// SPDX-License-Identifier: Apache-2.0
#include "symbol/unit.h"

#include <dwarf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "symbol/elf_image.h"
#include "symbol/split_files.h"
#include "unwind/elf_section.h"

/* Namespaces, classes and functions in each other: real ones have some tens. */
#define DEPTH_MAX        128
/* Of one entry; compilers write some 20. libdw goes over them whenever it passes the entry. */
#define ATTRIBUTES_MAX   256
/* Ranges of a unit's functions: 2^22 of them are 100 MB while they are sorted. */
#define SPANS_MAX        (1U << 22)
/* libdw takes up to 64 bytes of memory for a byte of a unit's line table. That of the largest unit
 * in Debian's libraries has 3 MB. */
#define LINE_PROGRAM_MAX (8U << 20)

struct walk {
	Dwarf_Off base, last;
	struct address_span *spans;
	size_t count, capacity;
	size_t ranges; /* read, of whatever kind */
};

static const char *string_of(Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute memory;

	return dwarf_formstring(dwarf_attr(die, name, &memory));
}

/* Opens one of the places where libdw looks for the other half of a split unit. False where it must
 * not look: it may wait for a pipe there, or be kept busy. Where libdw opens the path itself, what
 * we looked at is the same file only if nobody has put another one there in between. */
static bool open_place(const struct dwarf_source *source, struct split_files *files, int number,
		       const char *path)
{
	int fd = source->opener->open_part(source->opener->context, source->of_debug, false, path);

	if (fd < 0)
		return fd == -ENOENT || fd == -ENOTDIR;
	files->places[number].path = path;
	files->places[number].fd = fd;
	return elf_image__is_part(fd);
}

struct split_paths {
	char beside[PATH_MAX], compiled_in[PATH_MAX];
};

/* The paths as libdw makes them (libdw_find_split_unit.c); an empty one it does not try. */
static bool find_paths(Dwarf_Die *unit, const char *directory, struct split_paths *paths)
{
	const char *name = string_of(unit, DW_AT_dwo_name) ?: string_of(unit, DW_AT_GNU_dwo_name);
	const char *compiled_in = string_of(unit, DW_AT_comp_dir);
	const char *before = compiled_in && *compiled_in == '/' ? "" : directory;
	int size = 0;

	if (!name)
		return false;
	if (*name == '/')
		return snprintf(paths->beside, PATH_MAX, "%s", name) < PATH_MAX;
	if (*directory)
		size = snprintf(paths->beside, PATH_MAX, "%s/%s", directory, name);
	if (size >= PATH_MAX || !compiled_in)
		return size < PATH_MAX;
	return snprintf(paths->compiled_in, PATH_MAX, "%s%s%s/%s", before, *before ? "/" : "",
			compiled_in, name) < PATH_MAX;
}

static void close_places(struct split_files *files)
{
	for (int i = 0; i < SPLIT_PLACES; i++) {
		if (files->places[i].fd >= 0)
			close(files->places[i].fd);
	}
}

/* Lets libdw look, which it does once; it remembers what it has found. */
static void look_for_split(const struct dwarf_source *source, struct unit_dies *dies)
{
	struct split_files files = {
		.places = {{.fd = -1}, {.fd = -1}}
        };
	struct split_paths paths = {};

	if (!find_paths(&dies->unit, source->place.directory, &paths))
		return;
	if ((!*paths.beside || open_place(source, &files, 0, paths.beside)) &&
	    (!*paths.compiled_in || open_place(source, &files, 1, paths.compiled_in))) {
		split_files__expect(&files);
		dwarf_cu_info(dies->unit.cu, NULL, NULL, NULL, &dies->body, NULL, NULL, NULL);
		split_files__expect(NULL);
	}
	close_places(&files);
}

int unit__dies(struct unit *unit, Dwarf *dwarf, const struct dwarf_source *source, uint32_t begun,
	       struct unit_dies *dies)
{
	uint8_t type;

	if (!dwarf_offdie(dwarf, unit->offset, &dies->unit) ||
	    dwarf_cu_info(dies->unit.cu, NULL, &type, NULL, NULL, NULL, NULL, NULL))
		return -EBADMSG;
	dies->body = dies->unit;
	if (type != DW_UT_skeleton || !source->opener || !source->place.is_hosts)
		return 0;
	if (unit->looked != begun) {
		look_for_split(source, dies);
		unit->looked = begun;
		unit->has_split = dies->body.addr && dies->body.cu != dies->unit.cu;
	} else if (unit->has_split) {
		dwarf_cu_info(dies->unit.cu, NULL, NULL, NULL, &dies->body, NULL, NULL, NULL);
	}
	/* Without its other half a skeleton still has lines. */
	if (!unit->has_split)
		dies->body = dies->unit;
	return 0;
}

static bool is_scope(int tag)
{
	switch (tag) {
	case DW_TAG_subprogram:
	case DW_TAG_namespace:
	case DW_TAG_class_type:
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
	case DW_TAG_interface_type:
	case DW_TAG_module:
	case DW_TAG_lexical_block:
	case DW_TAG_inlined_subroutine:
		return true;
	default:
		return false;
	}
}

static int add_spans(struct walk *walk, Dwarf_Die *function, Dwarf_Off offset)
{
	struct address_span span = {.value = offset - walk->base};
	Dwarf_Addr base;
	ptrdiff_t next = 0;

	if (offset - walk->base >= ADDRESS_MAP_NONE)
		return 0;
	while ((next = dwarf_ranges(function, next, &base, &span.start, &span.end)) > 0) {
		if (++walk->ranges > SPANS_MAX)
			return 0;
		/* At 0 is what the linker has thrown away. */
		if (!span.start || span.end <= span.start)
			continue;
		if (array_append(&walk->spans, &walk->count, &walk->capacity, span))
			return -ENOMEM;
	}
	return 0;
}

static bool has_few_attributes(const Dwarf_Die *die)
{
	size_t count;

	return !dwarf_getattrcnt(die->abbrev, &count) && count <= ATTRIBUTES_MAX;
}

/* -E2BIG ends the whole walk: on each level libdw would pass once more what was too deep. */
/* NOLINTNEXTLINE(misc-no-recursion): to DEPTH_MAX */
static int add_functions(struct walk *walk, Dwarf_Die *parent, unsigned int depth)
{
	Dwarf_Die die;
	int err = 0;

	if (dwarf_child(parent, &die))
		return 0;
	if (depth > DEPTH_MAX)
		return -E2BIG;
	do {
		Dwarf_Off offset = dwarf_dieoffset(&die);
		int tag = dwarf_tag(&die);

		/* Entries follow each other: one that leads back would lead there again. */
		if (offset <= walk->last || tag == DW_TAG_invalid || !has_few_attributes(&die))
			return -E2BIG;
		walk->last = offset;
		if (tag == DW_TAG_subprogram)
			err = add_spans(walk, &die, offset);
		if (!err && is_scope(tag))
			err = add_functions(walk, &die, depth + 1);
	} while (!err && !dwarf_siblingof(&die, &die));
	return err;
}

static int index_functions(struct unit *unit, Dwarf_Die *body)
{
	struct walk walk = {.base = dwarf_dieoffset(body), .last = dwarf_dieoffset(body)};
	int err = add_functions(&walk, body, 0);

	/* What was found up to there serves. */
	if (!err || err == -E2BIG)
		err = address_map__build(&unit->functions, walk.spans, walk.count);
	free(walk.spans);
	return err;
}

/* The path of a file, relative ones from where the unit was compiled, as addr2line has it. */
static const char *keep_path(struct strings *files, const char *directory, const char *name)
{
	const char *kept;
	char *path;

	/* libdw's word for a file of number 0 that is none. */
	if (!name || !strcmp(name, "???"))
		return NULL;
	if (*name == '/' || !directory)
		return strings__keep(files, name);
	if (asprintf(&path, "%.*s/%.*s", STRINGS_LENGTH_MAX, directory, STRINGS_LENGTH_MAX, name) <
	    0)
		return NULL;
	kept = strings__keep(files, path);
	free(path);
	return kept;
}

static const char **keep_files(struct strings *strings, Dwarf_Files *files, size_t count,
			       const char *directory)
{
	const char **paths = count ? calloc(count, sizeof(*paths)) : NULL;

	for (size_t i = 0; paths && i < count; i++)
		paths[i] = keep_path(strings, directory, dwarf_filesrc(files, i, NULL, NULL));
	return paths;
}

/* Whether the unit's line table is of a size that we let libdw decode. */
static bool has_affordable_lines(Dwarf_Die *unit)
{
	Dwarf *dwarf = dwarf_cu_getdwarf(unit->cu);
	Dwarf_Attribute memory;
	Elf_Scn *section = NULL;
	Dwarf_Word offset;
	GElf_Shdr shdr;
	Elf_Data *data;
	uint32_t size;
	Elf *elf = dwarf_getelf(dwarf);

	section = elf_section__find(elf, ".debug_line", &shdr)
			  ?: elf_section__find(elf, ".zdebug_line", &shdr);
	data = section ? elf_rawdata(section, NULL) : NULL;
	if (!data || !data->d_buf ||
	    dwarf_formudata(dwarf_attr(unit, DW_AT_stmt_list, &memory), &offset) ||
	    data->d_size < sizeof(size) || offset > data->d_size - sizeof(size))
		return false;
	memcpy(&size, (const char *)data->d_buf + offset, sizeof(size));
	return size <= LINE_PROGRAM_MAX;
}

static int add_row(struct unit *unit, Dwarf_Line *line)
{
	uint32_t number = LINE_ROWS_NO_FILE;
	bool is_end = true;
	Dwarf_Files *files;
	Dwarf_Addr address;
	size_t file;
	int lineno;

	if (dwarf_lineaddr(line, &address) || !address)
		return 0;
	if (!dwarf_lineendsequence(line, &is_end) && !is_end &&
	    !dwarf_line_file(line, &files, &file) && file < unit->row_file_count)
		number = file;
	if (number == LINE_ROWS_NO_FILE || dwarf_lineno(line, &lineno) || lineno < 0)
		lineno = 0;
	return line_rows__add(&unit->lines, address, number, lineno);
}

static int index_lines(struct unit *unit, Dwarf_Die *die, struct strings *strings)
{
	Dwarf_Lines *lines;
	Dwarf_Files *files;
	size_t count, file_count;
	int err = 0;

	if (!has_affordable_lines(die) || dwarf_getsrclines(die, &lines, &count) ||
	    dwarf_getsrcfiles(die, &files, &file_count))
		return 0;
	unit->row_files = keep_files(strings, files, file_count, string_of(die, DW_AT_comp_dir));
	if (unit->row_files)
		unit->row_file_count = file_count;
	for (size_t i = 0; i < count && !err; i++)
		err = add_row(unit, dwarf_onesrcline(lines, i));
	line_rows__trim(&unit->lines);
	unit->call_files = unit->row_files;
	unit->call_file_count = unit->row_file_count;
	return err;
}

/* The other half of a split unit counts files by a table of its own. */
static void index_call_files(struct unit *unit, struct unit_dies *dies, struct strings *strings)
{
	Dwarf_Files *files;
	size_t count;

	if (dwarf_getsrcfiles(&dies->body, &files, &count))
		return;
	unit->call_files = keep_files(strings, files, count,
				      string_of(&dies->body, DW_AT_comp_dir)
					      ?: string_of(&dies->unit, DW_AT_comp_dir));
	unit->call_file_count = unit->call_files ? count : 0;
}

int unit__index(struct unit *unit, struct unit_dies *dies, struct strings *files)
{
	int err;

	unit->is_indexed = true;
	err = index_functions(unit, &dies->body);
	if (!err)
		err = index_lines(unit, &dies->unit, files);
	if (!err && dies->body.cu != dies->unit.cu)
		index_call_files(unit, dies, files);
	return err;
}

void unit__release(struct unit *unit)
{
	address_map__release(&unit->functions);
	line_rows__release(&unit->lines);
	if (unit->call_files != unit->row_files)
		free(unit->call_files);
	free(unit->row_files);
}

size_t unit__bytes(const struct unit *unit)
{
	return unit->functions.capacity * sizeof(*unit->functions.entries) +
	       unit->lines.capacity * sizeof(*unit->lines.rows) +
	       (unit->row_file_count + unit->call_file_count) * sizeof(*unit->row_files);
}
