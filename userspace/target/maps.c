// SPDX-License-Identifier: Apache-2.0
#include "target/maps.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/array.h"
#include "target/opening.h"

/* By default uthash ends the process when memory is short. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* What one reading of the mappings may wait for all file systems that they are of. */
#define PATIENCE_MS 6000

/* The kernel writes a newline in a path as \012, and nothing else is escaped (fs/proc/task_mmu.c).
 */
static void unescape(char *path)
{
	char *to = path;

	for (const char *from = path; *from; to++) {
		if (!strncmp(from, "\\012", 4)) {
			*to = '\n';
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

int map_line__parse(char *text, struct map_line *line)
{
	char permissions[5];
	unsigned int major, minor;
	int path_at = 0;

	if (sscanf(text, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 " %n",
		   &line->start, &line->end, permissions, &line->file_offset, &major, &minor,
		   &line->inode, &path_at) != 7 ||
	    strlen(permissions) != 4 || line->start >= line->end)
		return -EBADMSG;
	line->device = makedev(major, minor);
	line->writable = permissions[1] == 'w';
	line->executable = permissions[2] == 'x';
	line->path = NULL;
	if (path_at && text[path_at]) {
		line->path = text + path_at;
		line->path[strcspn(line->path, "\n")] = '\0';
		unescape(line->path);
	}
	return 0;
}

int map_lines__parse(FILE *in, int (*each)(void *context, const struct map_line *line),
		     void *context)
{
	struct map_line line;
	size_t capacity = 0;
	char *text = NULL;
	int err = 0;

	while (!err && getline(&text, &capacity, in) > 0) {
		err = map_line__parse(text, &line);
		if (!err)
			err = each(context, &line);
	}
	if (!err && ferror(in))
		err = -errno;
	free(text);
	return err;
}

bool mapping__is_stub(const struct mapping *mapping)
{
	return !strcmp(mapping->name, "/memfd:" MAPPING_STUB_MEMFD " (deleted)");
}

bool mapping__bias(const struct mapping *mapping, uint64_t *bias)
{
	uint64_t vaddr;

	if (!mapping->file || !elf_file__code_vaddr(mapping->file, mapping->file_offset, &vaddr))
		return false;
	*bias = mapping->start - vaddr;
	return true;
}

/* A file that is open already: in thousands of mappings it is not to be looked for one by one. */
struct known_file {
	UT_hash_handle hh;
	struct {
		uint64_t device, inode;
	} key;
	struct elf_file *file; /* a mapping's */
};

struct reading {
	struct maps *maps;
	struct known_file *known; /* by device and inode, as mappings tell them */
	const struct process *process;
	struct files *files;
	struct root *root; /* NULL: unknown */
};

static struct known_file *find_known(const struct reading *reading, uint64_t device, uint64_t inode)
{
	const typeof(((struct known_file *)0)->key) key = {.device = device, .inode = inode};
	struct known_file *known;

	HASH_FIND(hh, reading->known, &key, sizeof(key), known);
	return known;
}

/* What there is no memory for is opened once more, and then shared by its stamp. */
static void note_known(struct reading *reading, const struct mapping *mapping)
{
	struct known_file *known;

	if (!mapping->file || !mapping->inode ||
	    find_known(reading, mapping->device, mapping->inode))
		return;
	known = calloc(1, sizeof(*known));
	if (!known)
		return;
	known->key.device = mapping->device;
	known->key.inode = mapping->inode;
	known->file = mapping->file;
	HASH_ADD(hh, reading->known, key, sizeof(known->key), known);
	if (!known->hh.tbl)
		free(known);
}

static void note_previous(struct reading *reading, const struct maps *previous)
{
	for (size_t i = 0; previous && i < previous->count; i++)
		note_known(reading, &previous->items[i]);
}

static void forget_known(struct reading *reading)
{
	struct known_file *known, *next;

	HASH_ITER(hh, reading->known, known, next)
	{
		HASH_DEL(reading->known, known);
		free(known);
	}
}

static struct elf_file *open_file(const struct reading *reading, const struct map_line *line)
{
	struct patience *patience = files__patience(reading->files);
	pid_t pid = process__pid(reading->process);
	struct elf_file *file = files__find(reading->files, line, reading->root);

	/* Another process has it mapped, or the program before this one. */
	if (file)
		return file;
	file = opening__file(patience, pid, reading->root, line);
	/* There may be descriptors that nobody needs any more. */
	if (!file && files__make_room(reading->files, -errno))
		file = opening__file(patience, pid, reading->root, line);
	if (!file) {
		files__note_failure(reading->files, -errno);
		return NULL;
	}
	return files__share(reading->files, file, reading->root);
}

static struct elf_file *file_of(const struct reading *reading, const struct map_line *line)
{
	const struct known_file *known;

	if (line->path && !strcmp(line->path, "[vdso]"))
		return files__vdso(reading->files);
	if (!line->inode)
		return NULL;
	known = find_known(reading, line->device, line->inode);
	return known ? elf_file__get(known->file) : open_file(reading, line);
}

/* st_dev and the device in maps differ on some file systems (btrfs, overlayfs); inodes do not. */
static bool is_main(const struct process *process, const struct map_line *line)
{
	uint64_t device, inode;

	process__executable(process, &device, &inode);
	return inode && line->inode == inode;
}

static int add_mapping(void *context, const struct map_line *line)
{
	struct reading *reading = context;
	struct maps *maps = reading->maps;
	struct mapping mapping = {
		.start = line->start,
		.end = line->end,
		.file_offset = line->file_offset,
		.device = line->device,
		.inode = line->inode,
		.is_main = is_main(reading->process, line),
	};
	int err;

	if (!line->executable)
		return 0;
	if (maps->count == MAPS_MAX)
		return -E2BIG;
	mapping.name = strdup(line->path ? line->path : "[anon]");
	if (!mapping.name)
		return -ENOMEM;
	mapping.file = file_of(reading, line);
	err = array_append(&maps->items, &maps->count, &maps->capacity, mapping);
	if (err) {
		elf_file__put(mapping.file);
		free(mapping.name);
		return err;
	}
	note_known(reading, &mapping);
	return 0;
}

/* Whether there is code that no file describes. Every process has a page for vsyscalls. */
static bool has_jit_code(const struct maps *maps)
{
	uint64_t bias;

	for (size_t i = 0; i < maps->count; i++) {
		const struct mapping *mapping = &maps->items[i];

		if (!mapping__bias(mapping, &bias) && strcmp(mapping->name, "[vsyscall]"))
			return true;
	}
	return false;
}

/* Memory that goes while it is read, by exit or exec, ends the list early and without an error. If
 * it is still there afterwards, the list was whole. */
static bool is_still_there(FILE *maps)
{
	rewind(maps);
	return getc(maps) != EOF;
}

static int read_lines(struct reading *reading, FILE *in)
{
	const struct process *process = reading->process;
	int err;

	/* Not as of the attach: it changes, and a descriptor for each process is saved. */
	reading->root = root__open(process__pid(process));
	if (!reading->root)
		files__note_failure(reading->files, -errno);
	err = map_lines__parse(in, add_mapping, reading);
	root__put(reading->root);
	/* Another's if the pid was given out again. */
	if (!err && (!reading->maps->count || !is_still_there(in) || !process__is_alive(process)))
		err = -ESRCH;
	return err;
}

struct maps *maps__read(const struct process *process, struct files *files,
			const struct maps *previous)
{
	struct reading reading = {.process = process, .files = files};
	char path[64];
	FILE *in;
	int err;

	files__tend(files);
	patience__begin(files__patience(files), PATIENCE_MS);
	snprintf(path, sizeof(path), "/proc/%d/maps", process__pid(process));
	in = fopen(path, "re");
	if (!in) {
		err = -errno;
		files__note_failure(files, err);
		errno = -err;
		return NULL;
	}
	reading.maps = calloc(1, sizeof(*reading.maps));
	if (!reading.maps) {
		fclose(in);
		return NULL;
	}
	reading.maps->refs = 1;
	note_previous(&reading, previous);
	err = read_lines(&reading, in);
	forget_known(&reading);
	fclose(in);
	if (!err && has_jit_code(reading.maps))
		reading.maps->jit = jit_file__open(process, previous ? previous->jit : NULL,
						   files__patience(files));
	if (!err)
		return reading.maps;
	maps__put(reading.maps);
	errno = -err;
	return NULL;
}

struct maps *maps__get(struct maps *maps)
{
	__atomic_fetch_add(&maps->refs, 1, __ATOMIC_SEQ_CST);
	return maps;
}

void maps__put(struct maps *maps)
{
	if (!maps || __atomic_sub_fetch(&maps->refs, 1, __ATOMIC_SEQ_CST))
		return;
	for (size_t i = 0; i < maps->count; i++) {
		elf_file__put(maps->items[i].file);
		free(maps->items[i].name);
	}
	free(maps->items);
	jit_file__put(maps->jit);
	free(maps);
}

static int compare_address(const void *key, const void *item)
{
	uint64_t address = *(const uint64_t *)key;
	const struct mapping *mapping = item;

	if (address < mapping->start)
		return -1;
	return address >= mapping->end;
}

const struct mapping *maps__find(const struct maps *maps, uint64_t address)
{
	/* bsearch takes no NULL, not even of no items. */
	if (!maps->count)
		return NULL;
	return bsearch(&address, maps->items, maps->count, sizeof(*maps->items), compare_address);
}

static bool is_same(const struct mapping *a, const struct mapping *b)
{
	return a->start == b->start && a->end == b->end && a->file_offset == b->file_offset &&
	       a->file == b->file && !strcmp(a->name, b->name);
}

bool maps__equal(const struct maps *a, const struct maps *b)
{
	if (a->count != b->count || a->jit != b->jit)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (!is_same(&a->items[i], &b->items[i]))
			return false;
	}
	return true;
}
