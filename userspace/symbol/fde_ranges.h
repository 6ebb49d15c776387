/* SPDX-License-Identifier: Apache-2.0 */
/* Where functions begin and end by call-frame information, which stripped files have, too. */
#ifndef EXOPROF_FDE_RANGES_H
#define EXOPROF_FDE_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbol/elf_image.h"
#include "unwind/fde.h"

/* Reads .eh_frame, or .debug_frame where there is none. What cannot be read is no range. 0 or
 * -ENOMEM. */
int fde_ranges__read(struct fde_list *list, const struct elf_image *image);

/* The range that an address is in, or NULL. */
const struct fde *fde_ranges__find(const struct fde_list *list, uint64_t vaddr);

#endif
