/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXOPROF_RESIDENT_H
#define EXOPROF_RESIDENT_H

#include <stddef.h>

/* This process's resident set in bytes, mapped files included; 0 where /proc does not say. */
size_t resident__bytes(void);

#endif
