// SPDX-License-Identifier: Apache-2.0
#include "top/view.h"

const struct top_view top_views[] = {
	{'c',            "cpu", "CPU time", &profile_kind_cpu, TOP_LAST},
	{'h',    "heap", "heap in use", &profile_kind_heap, TOP_SINCE},
	{'a',      "allocs", "allocated", &profile_kind_allocs, TOP_SINCE},
	{'b',            "block", "time off the CPU", &profile_kind_block, TOP_LAST},
	{'m', "mutex", "time waiting for locks", &profile_kind_mutex, TOP_LAST},
	{	   },
};

_Static_assert(sizeof(top_views) / sizeof(*top_views) <= TOP_VIEWS_MAX + 1, "see TOP_VIEWS_MAX");

int top_view__of_kind(const struct profile_kind *kind)
{
	for (int i = 0; top_views[i].name; i++) {
		if (top_views[i].kind == kind)
			return i;
	}
	return -1;
}

int top_view__by_key(int key)
{
	for (int i = 0; top_views[i].name; i++) {
		if (top_views[i].key == key)
			return i;
	}
	return -1;
}
