/* SPDX-License-Identifier: Apache-2.0 */
/* Where code lies in the target's address space: the executable mappings at one moment, frozen. */
#ifndef EXOPROF_MAPS_H
#define EXOPROF_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "target/elf_file.h"
#include "target/files.h"
#include "target/jit_file.h"
#include "target/map_line.h"
#include "target/process.h"

/* vm.max_map_count is 65530 by default. */
#define MAPS_MAX 65536

/* One line, which it writes to, and into which `path` points. 0 or -EBADMSG. */
int map_line__parse(char *text, struct map_line *line);

/* Calls `each` for every line of `in`, which ends a bad line's reading with -EBADMSG and a
 * callback's with what it gave if that is not 0. */
int map_lines__parse(FILE *in, int (*each)(void *context, const struct map_line *line),
		     void *context);

struct mapping {
	uint64_t start, end;
	uint64_t file_offset;
	uint64_t device, inode;
	struct elf_file *file; /* NULL: anonymous, or could not be opened */
	char *name;            /* "/usr/lib/libc.so.6", "[vdso]", "[anon]" */
	bool is_main;          /* of the program's own binary */
};

/* How far above the addresses in its headers the file was loaded: the same for all its mappings.
 * False where there is no file, or no executable segment behind the mapping. */
bool mapping__bias(const struct mapping *mapping, uint64_t *bias);

/* What exoprof calls the memory that it maps into a process (docs/inline.md), and whether this is
 * such code. A process may call its own so. */
#define MAPPING_STUB_MEMFD "exoprof-inline"
bool mapping__is_stub(const struct mapping *mapping);

struct maps {
	unsigned int refs;     /* atomic */
	struct mapping *items; /* sorted by address, the main binary's too */
	size_t count, capacity;
	struct jit_file *jit; /* names for what is in no file; NULL: none */
};

/* Reads the mappings of a live process. Files that `previous` (may be NULL) has open are taken over
 * from there, without another look at them; what is new is shared by `files`. NULL with errno set;
 * ESRCH once the process has none. */
struct maps *maps__read(const struct process *process, struct files *files,
			const struct maps *previous);
struct maps *maps__get(struct maps *maps);
void maps__put(struct maps *maps); /* NULL is fine */

/* Whether code is where it was, and the same, as is the list of what a JIT compiler made. */
bool maps__equal(const struct maps *a, const struct maps *b);

/* The mapping that holds this runtime address, or NULL. */
const struct mapping *maps__find(const struct maps *maps, uint64_t address);

#endif
