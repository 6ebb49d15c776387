/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXOPROF_RESIDENT_H
#define EXOPROF_RESIDENT_H

#include <stddef.h>

/* This process's resident set in bytes, mapped files included; 0 where /proc does not say. */
size_t resident__bytes(void);

/* The same by a descriptor that is kept, for a thread that opens no files: resident__open() gives
 * one, or -1. */
int resident__open(void);
size_t resident__read(int fd);

#endif
