/* SPDX-License-Identifier: Apache-2.0 */
/* The vDSO, which is mapped but is no file. The kernel maps the same image into every 64-bit
 * process, so ours stands for the target's, and need not be trusted any less than the kernel. */
#ifndef EXOPROF_VDSO_H
#define EXOPROF_VDSO_H

#include "target/elf_file.h"

/* A copy of the image as a file, or NULL. */
struct elf_file *vdso__open(void);

#endif
