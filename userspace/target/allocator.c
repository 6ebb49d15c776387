// SPDX-License-Identifier: Apache-2.0
#include "target/allocator.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "target/prologue.h"

static const struct {
	const char *name;
	bool is_needed; /* what has not even these is no allocator */
} calls[ALLOCATOR_CALLS] = {
	[ALLOCATOR_FREE] = {"free",           true },
	[ALLOCATOR_CFREE] = {"cfree",          false},
	[ALLOCATOR_REALLOCARRAY] = {"reallocarray",   false},
	[ALLOCATOR_REALLOC] = {"realloc",        true },
	[ALLOCATOR_CALLOC] = {"calloc",         true },
	[ALLOCATOR_MALLOC] = {"malloc",         true },
	[ALLOCATOR_POSIX_MEMALIGN] = {"posix_memalign", false},
	[ALLOCATOR_ALIGNED_ALLOC] = {"aligned_alloc",  false},
	[ALLOCATOR_MEMALIGN] = {"memalign",       false},
	[ALLOCATOR_VALLOC] = {"valloc",         false},
	[ALLOCATOR_PVALLOC] = {"pvalloc",        false},
};

const char *allocator__call_name(enum allocator_call call)
{
	return calls[call].name;
}

/* Only glibc exports this one (gnu_get_libc_version(3)); its file's name varies. */
static bool is_glibc(const struct elf_file *file)
{
	uint64_t offset;

	return !elf_file__function(file, "gnu_get_libc_version", &offset);
}

static int find_probe(struct elf_file *file, const char *name, uint64_t *probe_offset)
{
	unsigned char code[PROLOGUE_BYTES];
	struct probe_place place;
	uint64_t entry;
	size_t size;
	int err = elf_file__function(file, name, &entry);

	if (err)
		return err;
	size = elf_file__read(file, entry, code, sizeof(code));
	prologue__place(code, size, PROLOGUE_ARGUMENTS_MAX, true, &place);
	*probe_offset = entry + place.offset;
	return 0;
}

/* Two probes on one instruction would count a call twice. */
static bool is_probed(const struct allocator *allocator, uint64_t probe_offset)
{
	for (int call = 0; call < ALLOCATOR_CALLS; call++) {
		if (allocator->probe_offsets[call] == probe_offset)
			return true;
	}
	return false;
}

static int take(struct allocator *allocator, struct elf_file *file)
{
	for (int call = 0; call < ALLOCATOR_CALLS; call++) {
		uint64_t probe_offset;
		int err = find_probe(file, calls[call].name, &probe_offset);

		if (err && calls[call].is_needed)
			return err;
		if (!err && !is_probed(allocator, probe_offset))
			allocator->probe_offsets[call] = probe_offset;
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
