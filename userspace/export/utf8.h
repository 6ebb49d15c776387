/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the target are foreign bytes: what an exporter writes is well-formed UTF-8 all the same.
 */
#ifndef EXOPROF_UTF8_H
#define EXOPROF_UTF8_H

#include <stddef.h>
#include <stdint.h>

#define UTF8_REPLACEMENT 0xfffd
#define UTF8_BYTES_MAX   4

/* Takes one character off a string that has not ended; what is not well-formed is a replacement
 * character for each byte. */
uint32_t utf8__take(const char **text);

/* Writes the bytes of a character, and gives their number. */
size_t utf8__encode(uint32_t c, char bytes[UTF8_BYTES_MAX]);

#endif
