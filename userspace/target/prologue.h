/* SPDX-License-Identifier: Apache-2.0 */
/* Where in a function's first instructions a probe costs least. Pure: bytes in, an offset out. */
#ifndef EXOPROF_PROLOGUE_H
#define EXOPROF_PROLOGUE_H

#include <stddef.h>

/* Bytes of a function worth looking at; fewer are fine. */
#define PROLOGUE_BYTES 64

/* The offset, from the function's first byte, of the instruction to probe. */
size_t prologue__probe_offset(const unsigned char *code, size_t size);

#endif
