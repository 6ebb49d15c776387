/* SPDX-License-Identifier: Apache-2.0 */
/* What JIT compilers call their functions, of several programs. Used by one thread at a time. */
#ifndef EXOPROF_JIT_NAMES_H
#define EXOPROF_JIT_NAMES_H

#include <stdint.h>

#include "target/jit_file.h"

struct jit_names;

struct jit_names *jit_names__new(void);        /* NULL with errno set */
void jit_names__free(struct jit_names *names); /* NULL is fine */

/* The function at this runtime address and where it begins, or NULL. Valid until the next call. */
const char *jit_names__find(struct jit_names *names, struct jit_file *file, uint64_t runtime_pc,
			    uint64_t *start);

#endif
