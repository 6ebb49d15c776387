/* SPDX-License-Identifier: Apache-2.0 */
/* Binary search in what is sorted. */
#ifndef EXOPROF_SEARCH_H
#define EXOPROF_SEARCH_H

#include <stddef.h>

/* Of items 0 to count - 1 the first one for which `is_before`, an expression in `index`, does not
 * hold; count if it holds for all of them. A macro, as a call for each look would take longer than
 * the look. A declared name takes no parentheses. */
#define search_lower_bound(index, count, is_before)                      \
	({                                                               \
		size_t low_ = 0, high_ = (count);                        \
                                                                         \
		while (low_ < high_) {                                   \
			/* NOLINTNEXTLINE(bugprone-macro-parentheses) */ \
			size_t index = low_ + (high_ - low_) / 2;        \
                                                                         \
			if (is_before)                                   \
				low_ = (index) + 1;                      \
			else                                             \
				high_ = (index);                         \
		}                                                        \
		low_;                                                    \
	})

#endif
