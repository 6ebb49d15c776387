/* SPDX-License-Identifier: Apache-2.0 */
/* The linker's stubs through which a file calls functions of others. No symbol covers them. */
#ifndef EXOPROF_PLT_H
#define EXOPROF_PLT_H

#include <stdint.h>

#include "symbol/elf_image.h"

struct plt;

/* The image must outlive it. NULL with errno set where memory is short; without a PLT it is empty.
 */
struct plt *plt__read(const struct elf_image *image);
void plt__free(struct plt *plt); /* NULL is fine */

/* "malloc@plt" for an address in the stub that jumps to malloc, with where the stub begins; valid
 * until the next call. NULL for what is no stub or jumps to what has no name. */
const char *plt__find(struct plt *plt, uint64_t vaddr, uint64_t *start);

#endif
