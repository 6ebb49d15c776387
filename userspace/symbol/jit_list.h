/* SPDX-License-Identifier: Apache-2.0 */
/* What a JIT compiler calls its functions, by the list that it writes on. */
#ifndef EXOPROF_JIT_LIST_H
#define EXOPROF_JIT_LIST_H

#include <stdint.h>

struct jit_list;

/* The fd stays the caller's, and is to outlive it. NULL with errno set. */
struct jit_list *jit_list__new(int fd);
void jit_list__free(struct jit_list *list); /* NULL is fine */

/* The function at this runtime address and where it begins, or NULL. Valid until the next call. */
const char *jit_list__find(struct jit_list *list, uint64_t runtime_pc, uint64_t *start);

#endif
