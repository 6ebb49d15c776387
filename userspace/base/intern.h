/* SPDX-License-Identifier: Apache-2.0 */
/* Equal keys get equal numbers: 0, 1, 2, ... in the order in which they were first seen. */
#ifndef EXOPROF_INTERN_H
#define EXOPROF_INTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INTERN_FAILED UINT32_MAX

struct intern;

struct intern *intern__new(void); /* NULL with errno set */
void intern__free(struct intern *intern);

/* The number of a copy of these bytes, INTERN_FAILED where memory is short. `is_new` (may be NULL)
 * says whether they were seen for the first time. */
uint32_t intern__id(struct intern *intern, const void *key, size_t size, bool *is_new);

/* The number of these bytes, INTERN_FAILED where they were never seen. */
uint32_t intern__find(const struct intern *intern, const void *key, size_t size);

uint32_t intern__count(const struct intern *intern);

#endif
