/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of one file that give out memory and take it back, and where to probe them. */
#ifndef EXOPROF_ALLOCATOR_H
#define EXOPROF_ALLOCATOR_H

#include <linux/types.h>

#include "target/elf_file.h"
#include "target/prologue.h"
#include "wire.h"

#define ALLOCATOR_PROBES_MAX 192

struct allocator_probe {
	const char *function; /* without its prefix: "malloc"; a constant */
	enum wire_heap_call call;
	bool throws; /* an exception where it fails, instead of returning */
	uint64_t file_offset;
	uint64_t size;            /* of the function's code, bytes; 0: unknown */
	struct probe_place place; /* its offset is in file_offset already */
};

struct allocator {
	struct elf_file *file;
	const char *name; /* "glibc", "jemalloc", ...; "an unknown allocator" */
	bool is_exported; /* other files' calls can be bound to it by the dynamic linker */
	/* Those that take memory back come first. A function that has several names is in it once.
	 */
	struct allocator_probe probes[ALLOCATOR_PROBES_MAX];
	size_t count;
	bool throws; /* one of them does */
};

/* Whether the call gives out memory, so that its return matters. */
bool allocator__gives(enum wire_heap_call call);

/* Looks for an allocator's functions among the file's own, its local symbols included: a malloc and
 * a free, and all their kin that is there. `prefix`: of their names, such as "je_"; NULL: none, and
 * each that known allocators use. 0; -ENOENT where there are none; -EBADMSG; -ENOMEM. */
int allocator__read(struct allocator *allocator, struct elf_file *file, const char *prefix);
void allocator__release(struct allocator *allocator);

/* Leaves out the functions for which `keep` gives false. Gives how many that were. */
size_t allocator__filter(struct allocator *allocator,
			 bool (*keep)(void *context, const struct allocator_probe *probe),
			 void *context);

#endif
