/* SPDX-License-Identifier: Apache-2.0 */
/* Where in an array the item of a given id is. Ids are any 64 bit numbers in any order: looked up
 * in a sorted list, so that no choice of them makes it slow. */
#ifndef EXOPROF_ID_INDEX_H
#define EXOPROF_ID_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct id_index;

/* NULL with errno set: EEXIST where two are equal or one is 0. */
struct id_index *id_index__new(const uint64_t *ids, size_t count);
void id_index__free(struct id_index *index); /* NULL is fine */

/* UINT32_MAX: no item has it. */
uint32_t id_index__find(const struct id_index *index, uint64_t id);

#endif
