/* SPDX-License-Identifier: Apache-2.0 */
/* Where an ELF file says that its code is entered. */
#ifndef EXOPROF_ENTRY_POINTS_H
#define EXOPROF_ENTRY_POINTS_H

#include <gelf.h>
#include <stdint.h>

/* Tells `note` of what the dynamic linker calls at start and exit (DT_INIT, DT_FINI and the arrays,
 * by their relocations and as they stand in the file), the beginnings of .init and .fini, the stubs
 * of .plt.sec and .plt.got, and the functions that have symbols: an address each, which may be any
 * number in a hostile file. Stops at the first answer that is not 0, and gives it. */
int entry_points__each(Elf *elf, int (*note)(void *context, uint64_t vaddr), void *context);

#endif
