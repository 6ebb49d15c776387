/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses that a client wants the names of. Pure. */
#ifndef EXOPROF_ADDRESSES_H
#define EXOPROF_ADDRESSES_H

#include <stddef.h>
#include <stdint.h>

/* Reads "0x4005d0+0x4005e4": numbers as C writes them, between plus signs. What is none, or 0, is
 * passed over, as Go does. malloc()ed, the caller's; NULL where memory is short. */
uint64_t *addresses__read(const char *text, size_t length, size_t *count);

#endif
