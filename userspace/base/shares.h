/* SPDX-License-Identifier: Apache-2.0 */
/* Equal keys share one number for as long as somebody holds it. Numbers that nobody holds any more
 * are given out again, so that there are never more of them than were held at once. */
#ifndef EXOPROF_SHARES_H
#define EXOPROF_SHARES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct shares;

/* Numbers below `most`. NULL with errno set. */
struct shares *shares__new(uint32_t most);
void shares__free(struct shares *shares); /* NULL is fine */

/* The number of a copy of these bytes, to be held. `is_new` says whether nobody held it. -ENOSPC,
 * -ENOMEM. */
int64_t shares__take(struct shares *shares, const void *key, size_t size, bool *is_new);

/* The number of these bytes if somebody holds it, not to be held. -ENOENT. */
int64_t shares__find(const struct shares *shares, const void *key, size_t size);

/* Holds a number once less. It must be held. */
void shares__put(struct shares *shares, uint32_t number);

/* How many numbers are held. */
uint32_t shares__count(const struct shares *shares);

#endif
