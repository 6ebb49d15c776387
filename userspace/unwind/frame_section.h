/* SPDX-License-Identifier: Apache-2.0 */
/* The sections of an ELF file that hold call-frame information, of sizes that can be afforded. */
#ifndef EXOPROF_FRAME_SECTION_H
#define EXOPROF_FRAME_SECTION_H

#include <elfutils/libdw.h>
#include <gelf.h>
#include <stdbool.h>

/* Whether it is of a size that may be read into memory. */
bool frame_section__is_affordable(Elf_Scn *section);

/* Its bytes, unpacked; NULL where there are none, or too many. */
Elf_Data *frame_section__data(Elf_Scn *section);

/* The file's .debug_frame as a file of its own. NULL with errno set. */
struct frame_section;
struct frame_section *frame_section__open(Elf *elf);
void frame_section__close(struct frame_section *alone); /* NULL is fine */

/* Is valid as long as that; NULL where libdw cannot make anything of it. */
Dwarf_CFI *frame_section__cfi(const struct frame_section *alone);

#endif
