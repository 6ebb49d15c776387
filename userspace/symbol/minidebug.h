/* SPDX-License-Identifier: Apache-2.0 */
/* The symbols that some distributions leave in stripped files, as an ELF file of their own in an xz
 * stream in the section .gnu_debugdata ("MiniDebugInfo", gdb's manual). */
#ifndef EXOPROF_MINIDEBUG_H
#define EXOPROF_MINIDEBUG_H

#include "symbol/elf_image.h"

/* NULL where there are none that can be read. */
struct elf_image *minidebug__open(const struct elf_image *image);

#endif
