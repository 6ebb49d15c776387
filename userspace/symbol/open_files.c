// SPDX-License-Identifier: Apache-2.0
#include "symbol/open_files.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/resident.h"
#include "base/spare_memory.h"
#include "symbol/demangled.h"
#include "symbol/jit_list.h"
#include "symbol/module.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* Of those that were read: each holds on to up to four descriptors. */
#define READ_MAX             64
/* What is not worth letting go of. */
#define HEAVY_BYTES          (256 << 10)
/* Whatever the ceiling is, so much may come together before something is let go of again. */
#define SLACK_BYTES          (4 << 20)
/* Reading /proc/self/statm takes some 5 us, as long as finding an answer. */
#define FINDS_BETWEEN_CHECKS 64

struct file {
	UT_hash_handle hh;
	uint64_t number;
	int fd;
	bool is_list;
	struct opener opener;
	struct module *module; /* NULL: not read, or it is a list */
	struct jit_list *list; /* the other way round */
	uint64_t used;         /* when; counts up */
};

struct open_files {
	struct file *files;
	struct opener opener;
	struct demangled *demangled;
	int resident_fd;
	uint64_t uses;
	size_t ceiling_bytes,
		needed_bytes; /* of the resident set: asked for, or found to be needed */
	size_t finds;         /* since the last check */
	struct found found;   /* the last answer of a list */
};

/* An eighth below the ceiling, as much as one unit may take at once: the lines of libLLVM's largest
 * are 10 MB while libdw sorts them. */
static size_t limit(const struct open_files *files)
{
	size_t usual = files->ceiling_bytes - files->ceiling_bytes / 8;

	return files->needed_bytes > usual ? files->needed_bytes : usual;
}

struct open_files *open_files__new(const struct opener *opener)
{
	struct open_files *files = calloc(1, sizeof(*files));

	if (!files)
		return NULL;
	files->opener = *opener;
	files->resident_fd = resident__open();
	files->demangled = demangled__new();
	if (files->demangled && files->resident_fd >= 0)
		return files;
	open_files__free(files);
	errno = ENOMEM;
	return NULL;
}

static bool is_read(const struct file *file)
{
	return file->module || file->list;
}

static void let_go(struct file *file)
{
	module__close(file->module);
	jit_list__free(file->list);
	file->module = NULL;
	file->list = NULL;
}

static void close_file(struct open_files *files, struct file *file)
{
	HASH_DEL(files->files, file);
	let_go(file);
	close(file->fd);
	free(file);
}

void open_files__free(struct open_files *files)
{
	struct file *file, *next;

	if (!files)
		return;
	HASH_ITER(hh, files->files, file, next)
	close_file(files, file);
	demangled__free(files->demangled);
	if (files->resident_fd >= 0)
		close(files->resident_fd);
	free(files);
}

static struct file *file_of(const struct open_files *files, uint64_t number)
{
	struct file *file;

	HASH_FIND(hh, files->files, &number, sizeof(number), file);
	return file;
}

static int add(struct open_files *files, const struct file *made)
{
	struct file *file;
	int err = file_of(files, made->number) ? -EEXIST : -ENOMEM;

	file = err == -EEXIST ? NULL : malloc(sizeof(*file));
	if (file) {
		*file = *made;
		HASH_ADD(hh, files->files, number, sizeof(file->number), file);
		if (file->hh.tbl)
			return 0;
	}
	free(file);
	close(made->fd);
	return err;
}

int open_files__add(struct open_files *files, uint64_t number, int fd,
		    const struct dwarf_place *place)
{
	struct file file = {.number = number, .fd = fd, .opener = files->opener};

	file.opener.place = *place;
	return add(files, &file);
}

int open_files__add_list(struct open_files *files, uint64_t number, int fd)
{
	return add(files, &(struct file){.number = number, .fd = fd, .is_list = true});
}

void open_files__close(struct open_files *files, uint64_t number)
{
	struct file *file = file_of(files, number);

	if (file)
		close_file(files, file);
}

static struct file *heaviest(const struct open_files *files, const struct file *spared,
			     size_t *bytes)
{
	struct file *found = NULL;

	*bytes = 0;
	for (struct file *file = files->files; file; file = file->hh.next) {
		size_t module = file->module && file != spared ? module__bytes(file->module) : 0;

		if (module <= *bytes)
			continue;
		*bytes = module;
		found = file;
	}
	return found;
}

/* First what is cheap to have again, then the heaviest there is, until it is enough to go on for a
 * while. The module of `spared` (may be NULL) stays. If there is nothing more to let go of, what is
 * left is not ours, or is needed: the limit is above it until that changes. */
static void make_room(struct open_files *files, const struct file *spared)
{
	size_t slack = files->ceiling_bytes / 8 + SLACK_BYTES;
	size_t resident;

	for (struct file *file = files->files; file; file = file->hh.next) {
		if (file->module)
			module__forget(file->module);
	}
	spare_memory__give_back();
	while ((resident = resident__read(files->resident_fd)) + slack / 4 > limit(files)) {
		size_t bytes;
		struct file *file = heaviest(files, spared, &bytes);

		if (bytes < HEAVY_BYTES) {
			files->needed_bytes = resident + slack;
			return;
		}
		let_go(file);
		spare_memory__give_back();
	}
	if (resident + slack < files->needed_bytes)
		files->needed_bytes = 0;
}

static bool is_too_much(const struct open_files *files)
{
	return resident__read(files->resident_fd) > limit(files);
}

void open_files__set_ceiling(struct open_files *files, size_t bytes)
{
	files->ceiling_bytes = bytes;
}

/* The one that was not used for longest, if there are too many. */
static void make_place(struct open_files *files)
{
	struct file *oldest = NULL;
	size_t count = 0;

	for (struct file *file = files->files; file; file = file->hh.next) {
		if (!is_read(file))
			continue;
		count++;
		if (!oldest || file->used < oldest->used)
			oldest = file;
	}
	if (count >= READ_MAX)
		let_go(oldest);
}

static bool read_file(struct open_files *files, struct file *file)
{
	if (is_read(file))
		return true;
	make_place(files);
	if (file->is_list)
		file->list = jit_list__new(file->fd);
	else
		file->module = module__open(file->fd, &file->opener);
	/* Compressed DWARF may not fit: then it is the others that go, not this one over and over.
	 */
	if (is_too_much(files))
		make_room(files, file);
	return is_read(file);
}

static struct found *find_in_list(struct open_files *files, struct jit_list *list, uint64_t address)
{
	struct found *found = &files->found;

	found->function_vaddr = address;
	found->lines[0] = (struct found_line){
		.system_name = jit_list__find(list, address, &found->function_vaddr)};
	found->count = found->lines[0].system_name ? 1 : 0;
	return found;
}

static struct found *find_in_module(struct open_files *files, struct module *module,
				    uint64_t address)
{
	size_t decoded = module__decoded(module);
	struct found *found = module__find(module, address);

	if (module__decoded(module) != decoded)
		files->finds = FINDS_BETWEEN_CHECKS;
	return found;
}

/* A file that is cut short while we read it has empty names. */
static void add_names(struct open_files *files, struct found *found)
{
	for (size_t i = 0; i < found->count; i++) {
		struct found_line *line = &found->lines[i];

		line->name = demangled__find(files->demangled, line->system_name);
		if (!*line->system_name)
			found->count = 0;
	}
}

const struct found *open_files__find(struct open_files *files, uint64_t number, uint64_t address)
{
	struct file *file = file_of(files, number);
	struct found *found;

	if (!file)
		return NULL;
	file->used = ++files->uses;
	if (++files->finds > FINDS_BETWEEN_CHECKS) {
		if (is_too_much(files))
			make_room(files, NULL);
		files->finds = 0;
	}
	demangled__tend(files->demangled);
	if (!read_file(files, file))
		return NULL;
	found = file->list ? find_in_list(files, file->list, address)
			   : find_in_module(files, file->module, address);
	add_names(files, found);
	return found;
}

const char *open_files__demangle(struct open_files *files, const char *symbol)
{
	return demangled__find(files->demangled, symbol);
}

void open_files__figures(const struct open_files *files, struct open_files_figures *figures)
{
	*figures = (struct open_files_figures){};
	for (const struct file *file = files->files; file; file = file->hh.next) {
		figures->open += is_read(file);
		if (file->module)
			figures->bytes += module__bytes(file->module);
	}
}
