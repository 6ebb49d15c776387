/* SPDX-License-Identifier: Apache-2.0 */
/* Sections of an ELF file by name. */
#ifndef EXOPROF_ELF_SECTION_H
#define EXOPROF_ELF_SECTION_H

#include <gelf.h>

/* The first section of that name that has bytes in the file, with its header; or NULL. */
Elf_Scn *elf_section__find(Elf *elf, const char *name, GElf_Shdr *shdr);

#endif
