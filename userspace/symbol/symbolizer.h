/* SPDX-License-Identifier: Apache-2.0 */
/* An address gets a name, if a symbol covers it. Used by one thread at a time. */
#ifndef EXOPROF_SYMBOLIZER_H
#define EXOPROF_SYMBOLIZER_H

#include <stdint.h>

#include "target/maps.h"

struct symbolizer;

struct symbolizer *symbolizer__new(void); /* NULL with errno set */
void symbolizer__free(struct symbolizer *symbolizer);

/* The name of the function at a runtime address within the mapping, as the linker knows it; NULL
 * where no symbol covers it. Valid as long as the symbolizer. */
const char *symbolizer__user(struct symbolizer *symbolizer, const struct mapping *mapping,
			     uint64_t runtime_pc);

/* The name of the kernel function at that address, or NULL. */
const char *symbolizer__kernel(struct symbolizer *symbolizer, uint64_t address);

#endif
