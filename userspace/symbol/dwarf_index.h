/* SPDX-License-Identifier: Apache-2.0 */
/* The DWARF of one file, asked by address. What libdw would do for each address anew (walk a whole
 * compilation unit to find a function) or keep in four times the space (lines) is indexed here when
 * an address leads to a unit for the first time. */
#ifndef EXOPROF_DWARF_INDEX_H
#define EXOPROF_DWARF_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbol/elf_image.h"
#include "symbol/found.h"
#include "symbol/opener.h"

struct dwarf_index;

/* `source` is copied; the image, and who opens what the DWARF names, must outlive the index. NULL
 * with errno set: ENOENT where there is no DWARF that can be used. */
struct dwarf_index *dwarf_index__open(const struct elf_image *image,
				      const struct dwarf_source *source);
void dwarf_index__close(struct dwarf_index *index); /* NULL is fine */

/* Fills in the function at this address and those inlined into it, if a function covers it; else no
 * more than the file and the line, if a line covers it, with a count of 0. */
void dwarf_index__find(struct dwarf_index *index, uint64_t vaddr, struct found *found);

/* Lets go of what libdw has decoded. It is decoded again when it is needed. */
void dwarf_index__forget(struct dwarf_index *index);

size_t dwarf_index__bytes(const struct dwarf_index *index); /* of its own, without libdw's */

/* How many units were indexed so far: when this has grown, libdw has, too. */
size_t dwarf_index__indexed(const struct dwarf_index *index);

#endif
