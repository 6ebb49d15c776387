/* SPDX-License-Identifier: Apache-2.0 */
/* Which parts of a row of places are taken. The row is made of chunks of one size, and a range lies
 * in one of them. */
#ifndef EXOPROF_RANGES_H
#define EXOPROF_RANGES_H

#include <stdbool.h>
#include <stdint.h>

struct ranges;

/* All free. NULL with errno set. */
struct ranges *ranges__new(uint32_t chunk_count, uint32_t chunk_size);
void ranges__free(struct ranges *ranges); /* NULL is fine */

/* Where a range of `count` > 0 places begins that is taken from now on: the first there is room
 * for. -ENOSPC, -ENOMEM. */
int64_t ranges__take(struct ranges *ranges, uint32_t count);

/* Gives back a range as it was taken. */
void ranges__give(struct ranges *ranges, uint32_t first, uint32_t count);

/* How many places are free. */
uint32_t ranges__left(const struct ranges *ranges);

/* Of how many free places in a row there are. */
uint32_t ranges__longest(const struct ranges *ranges);

bool ranges__chunk_is_free(const struct ranges *ranges, uint32_t chunk);

#endif
