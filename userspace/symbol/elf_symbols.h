/* SPDX-License-Identifier: Apache-2.0 */
/* The functions in the symbol tables of an ELF file. */
#ifndef EXOPROF_ELF_SYMBOLS_H
#define EXOPROF_ELF_SYMBOLS_H

#include <stdbool.h>
#include <stdint.h>

#include "symbol/elf_image.h"
#include "symbol/symtab.h"
#include "unwind/fde.h"

bool elf_symbols__has(const struct elf_image *image, uint32_t type); /* a table of SHT_... */

/* Adds those of the image's table of that type (SHT_SYMTAB, SHT_DYNSYM) that say how long they are.
 * Hand-written assembly often does not: such a symbol covers the function in `fdes` that begins
 * where it does, and no byte if there is none. Names are the image's. 0 or -ENOMEM. */
int elf_symbols__add(struct symtab *symtab, const struct elf_image *image, uint32_t type,
		     const struct fde_list *fdes);

#endif
