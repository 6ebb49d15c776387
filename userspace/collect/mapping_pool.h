/* SPDX-License-Identifier: Apache-2.0 */
/* Which runs of the kernel side's pool of mappings are in use (see bpf/wire.h). Processes whose
 * memory looks alike, as after a fork, share one. Pure. */
#ifndef EXOPROF_MAPPING_POOL_H
#define EXOPROF_MAPPING_POOL_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

struct mapping_pool;

/* `items` are the WIRE_MAPPING_POOL mappings themselves. NULL with errno set. */
struct mapping_pool *mapping_pool__new(struct wire_mapping *items);
void mapping_pool__free(struct mapping_pool *pool); /* NULL is fine */

/* Where a run with this content begins: one that is there, or a new one, written. `count` > 0.
 * -ENOSPC, -ENOMEM. */
int64_t mapping_pool__take(struct mapping_pool *pool, const struct wire_mapping *content,
			   uint32_t count);

/* How many runs there are. */
size_t mapping_pool__count(const struct mapping_pool *pool);

/* How many mappings there are in them. */
size_t mapping_pool__used(const struct mapping_pool *pool);

/* Calls `each` for every mapping of every run. */
void mapping_pool__each(const struct mapping_pool *pool,
			void (*each)(void *context, const struct wire_mapping *mapping),
			void *context);

/* Frees the runs that nobody uses. */
void mapping_pool__reclaim(struct mapping_pool *pool,
			   bool (*is_used)(void *context, uint32_t first), void *context);

#endif
