// SPDX-License-Identifier: Apache-2.0
#include "target/allocator.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "target/prologue.h"

static const char *const call_names[ALLOCATOR_CALLS] = {
	[ALLOCATOR_MALLOC] = "malloc",
	[ALLOCATOR_CALLOC] = "calloc",
	[ALLOCATOR_REALLOC] = "realloc",
	[ALLOCATOR_FREE] = "free",
};

/* Only glibc exports this one (gnu_get_libc_version(3)); its file's name varies. */
static bool is_glibc(const struct elf_file *file)
{
	uint64_t offset;

	return !elf_file__function(file, "gnu_get_libc_version", &offset);
}

static int find_probe(struct elf_file *file, const char *name, uint64_t *probe_offset)
{
	unsigned char code[PROLOGUE_BYTES];
	uint64_t entry;
	size_t size;
	int err = elf_file__function(file, name, &entry);

	if (err)
		return err;
	size = elf_file__read(file, entry, code, sizeof(code));
	*probe_offset = entry + prologue__probe_offset(code, size);
	return 0;
}

static int take(struct allocator *allocator, struct elf_file *file)
{
	for (int call = 0; call < ALLOCATOR_CALLS; call++) {
		int err = find_probe(file, call_names[call], &allocator->probe_offsets[call]);

		if (err)
			return err;
	}
	allocator->file = elf_file__get(file);
	return 0;
}

int allocator__find(struct allocator *allocator, const struct maps *maps)
{
	uint64_t offset;
	int err = -ENOENT;

	memset(allocator, 0, sizeof(*allocator));
	for (size_t i = 0; i < maps->count; i++) {
		struct elf_file *file = maps->items[i].file;

		if (!file)
			continue;
		if (is_glibc(file)) {
			if (!allocator->file)
				err = take(allocator, file);
		} else if (!allocator->other && !elf_file__function(file, "malloc", &offset)) {
			allocator->other = strdup(elf_file__name(file));
		}
	}
	if (err)
		allocator__release(allocator);
	return err;
}

void allocator__release(struct allocator *allocator)
{
	elf_file__put(allocator->file);
	free(allocator->other);
	memset(allocator, 0, sizeof(*allocator));
}
