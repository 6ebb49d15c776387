/* SPDX-License-Identifier: Apache-2.0 */
/* Growing plain arrays. */
#ifndef EXOPROF_ARRAY_H
#define EXOPROF_ARRAY_H

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

/* Makes room for one more behind `count` items. Gives the array, moved perhaps, or NULL with the
 * old one left as it was. Doubling: n appends cost O(n). */
static inline void *array__grow(void *items, size_t count, size_t *capacity, size_t item_size)
{
	size_t wanted;
	void *grown;

	if (count < *capacity)
		return items;
	wanted = *capacity ? *capacity * 2 : 16;
	grown = reallocarray(items, wanted, item_size);
	if (grown)
		*capacity = wanted;
	return grown;
}

/* array_append(&a.items, &a.count, &a.capacity, value): 0 or -ENOMEM. */
#define array_append(items, count, capacity, ...)                                              \
	({                                                                                     \
		void *grown_ = array__grow(*(items), *(count), (capacity), sizeof(**(items))); \
		if (grown_) {                                                                  \
			*(items) = grown_;                                                     \
			(*(items))[(*(count))++] = (__VA_ARGS__);                              \
		}                                                                              \
		grown_ ? 0 : -ENOMEM;                                                          \
	})

#endif
