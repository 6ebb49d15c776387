/* SPDX-License-Identifier: Apache-2.0 */
/* What was found out about the addresses of one file, to be found again. */
#ifndef EXOPROF_ANSWERS_H
#define EXOPROF_ANSWERS_H

#include <stddef.h>
#include <stdint.h>

#include "symbol/found.h"
#include "symbol/symbolizer.h"

struct answers;

struct answers *answers__new(void);          /* NULL with errno set */
void answers__free(struct answers *answers); /* NULL is fine */

/* The answer for that address, or NULL. Valid while the answers are. */
const struct symbol_answer *answers__find(const struct answers *answers, uint64_t vaddr);

/* Keeps an answer for an address that has none, and gives it. NULL where memory is short. */
const struct symbol_answer *answers__add(struct answers *answers, uint64_t vaddr,
					 const struct found *found);

size_t answers__count(const struct answers *answers);
size_t answers__bytes(const struct answers *answers); /* what they take in memory */

#endif
