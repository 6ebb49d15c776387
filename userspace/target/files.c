// SPDX-License-Identifier: Apache-2.0
#include "target/files.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/say.h"
#include "target/vdso.h"

/* By default uthash ends the process when memory is short. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* Looking for unused entries takes some 10 ns each, and nobody misses the descriptors meanwhile:
 * who does looks himself. */
#define TEND_MS 1000
/* One line is enough for what happens at each reading of the mappings. */
#define SAY_MS  60000

/* All that tells files apart but the name, which follows it: no padding. */
struct key {
	struct file_stamp stamp;
	struct root_id root; /* 0: unknown */
};

/* As mappings tell them. No padding. */
struct place {
	uint64_t device, inode;
	struct root_id root;
};

struct entry {
	UT_hash_handle hh, by_place;
	struct elf_file *file;
	struct place place;
	size_t key_size; /* with the name */
	struct key key;
	char name[];
};

struct files {
	struct entry *entries, *places;
	struct root **roots; /* those that differ, each with one descriptor */
	size_t root_count, root_capacity;
	struct elf_file *vdso; /* NULL: not needed yet */
	struct patience *patience;
	int64_t tend_ms, say_ms, say_unanswered_ms;
	uint64_t failed, failed_said;
};

struct files *files__new(void)
{
	struct files *files = calloc(1, sizeof(*files));

	if (!files)
		return NULL;
	files->patience = patience__new();
	if (files->patience)
		return files;
	free(files);
	return NULL;
}

struct patience *files__patience(struct files *files)
{
	return files->patience;
}

static void drop_entry(struct files *files, struct entry *entry)
{
	HASH_DEL(files->entries, entry);
	if (entry->by_place.tbl)
		HASH_DELETE(by_place, files->places, entry);
	elf_file__put(entry->file);
	free(entry);
}

static void say_failures(struct files *files)
{
	struct rlimit limit = {};

	if (files->failed == files->failed_said)
		return;
	getrlimit(RLIMIT_NOFILE, &limit);
	say("%" PRIu64 " times a file of a target could not be opened, for want of descriptors: "
	    "names and callers of its code may be missing (raise the limit, now %" PRIu64
	    ", with ulimit -n, and start exoprof again)",
	    files->failed, (uint64_t)limit.rlim_cur);
	files->failed_said = files->failed;
}

void files__free(struct files *files)
{
	struct entry *entry, *next;

	if (!files)
		return;
	say_failures(files);
	HASH_ITER(hh, files->entries, entry, next)
	drop_entry(files, entry);
	for (size_t i = 0; i < files->root_count; i++)
		root__put(files->roots[i]);
	free(files->roots);
	elf_file__put(files->vdso);
	patience__free(files->patience);
	free(files);
}

/* The root itself, or one that is the same and was there before. */
static struct root *known_root(struct files *files, struct root *root)
{
	for (size_t i = 0; i < files->root_count; i++) {
		if (root__is_same(files->roots[i], root))
			return files->roots[i];
	}
	if (!array_append(&files->roots, &files->root_count, &files->root_capacity, root))
		root__get(root);
	return root;
}

/* An entry that is in no table yet and has no file, to look for the one like it. The same file in
 * another root is another one: debug files are looked for below it. So it is in another mount
 * namespace, though the root's inode is the same: other directories may be mounted there. And so it
 * is under another name, which says in what folder to look. */
static struct entry *new_entry(const struct elf_file *file, const struct root *root)
{
	const char *name = elf_file__name(file);
	size_t length = strlen(name);
	struct entry *entry = calloc(1, sizeof(*entry) + length + 1);

	if (!entry)
		return NULL;
	entry->key.stamp = *elf_file__stamp(file);
	if (root)
		entry->key.root = root__id(root);
	memcpy(entry->name, name, length + 1);
	entry->key_size = offsetof(struct entry, name) - offsetof(struct entry, key) + length;
	return entry;
}

/* Where memory is too short for the table the file is the caller's alone. */
static struct elf_file *add(struct files *files, struct entry *entry, struct elf_file *file,
			    struct root *root)
{
	elf_file__set_root(file, root ? known_root(files, root) : NULL);
	entry->file = file;
	HASH_ADD_KEYPTR(hh, files->entries, &entry->key, entry->key_size, entry);
	if (!entry->hh.tbl) {
		free(entry);
		return file;
	}
	entry->place = (struct place){
		.device = entry->key.stamp.device,
		.inode = entry->key.stamp.inode,
		.root = entry->key.root,
	};
	HASH_ADD(by_place, files->places, place, sizeof(entry->place), entry);
	return elf_file__get(file);
}

struct elf_file *files__find(struct files *files, const struct map_line *line,
			     const struct root *root)
{
	struct place place = {.device = line->device, .inode = line->inode};
	struct entry *entry;
	struct file_stamp stamp;

	if (root)
		place.root = root__id(root);
	HASH_FIND(by_place, files->places, &place, sizeof(place), entry);
	if (!entry || strcmp(entry->name, line->path ?: "") ||
	    file_stamp__known(elf_file__fd(entry->file), &stamp) ||
	    memcmp(&stamp, &entry->key.stamp, sizeof(stamp)) != 0)
		return NULL;
	return elf_file__get(entry->file);
}

struct elf_file *files__share(struct files *files, struct elf_file *file, struct root *root)
{
	bool has_stamp = elf_file__stamp(file)->inode;
	struct entry *entry = has_stamp ? new_entry(file, root) : NULL, *known;

	if (!entry) {
		elf_file__put(file);
		errno = has_stamp ? ENOMEM : EBADF;
		return NULL;
	}
	HASH_FIND(hh, files->entries, &entry->key, entry->key_size, known);
	if (!known)
		return add(files, entry, file, root);
	elf_file__put(file);
	free(entry);
	return elf_file__get(known->file);
}

static bool is_shortage(int err)
{
	return err == -EMFILE || err == -ENFILE;
}

/* At once: it is an event, and it may be why a target hangs, too. */
static void say_unanswered(struct files *files)
{
	int64_t now_ms = clock__monotonic_ms();

	if (now_ms < files->say_unanswered_ms)
		return;
	files->say_unanswered_ms = now_ms + SAY_MS;
	say("a file system that a target's code is mapped from does not answer: names and callers of "
	    "that code are missing until it does (it is tried again each 2 s)");
}

void files__note_failure(struct files *files, int err)
{
	files->failed += is_shortage(err);
	if (err == -ETIMEDOUT)
		say_unanswered(files);
}

struct elf_file *files__vdso(struct files *files)
{
	if (!files->vdso)
		files->vdso = vdso__open();
	if (files->vdso)
		return elf_file__get(files->vdso);
	files__note_failure(files, -errno);
	return NULL;
}

void files__drop_unused(struct files *files)
{
	struct entry *entry, *next;
	size_t kept = 0;

	HASH_ITER(hh, files->entries, entry, next)
	{
		if (!elf_file__is_shared(entry->file))
			drop_entry(files, entry);
	}
	for (size_t i = 0; i < files->root_count; i++) {
		if (root__is_shared(files->roots[i]))
			files->roots[kept++] = files->roots[i];
		else
			root__put(files->roots[i]);
	}
	files->root_count = kept;
}

bool files__make_room(struct files *files, int err)
{
	if (!is_shortage(err))
		return false;
	files__drop_unused(files);
	return true;
}

void files__tend(struct files *files)
{
	int64_t now_ms = clock__monotonic_ms();

	if (now_ms < files->tend_ms)
		return;
	files->tend_ms = now_ms + TEND_MS;
	files__drop_unused(files);
	if (files->failed == files->failed_said || now_ms < files->say_ms)
		return;
	files->say_ms = now_ms + SAY_MS;
	say_failures(files);
}
