// SPDX-License-Identifier: Apache-2.0
#include "profile/kind.h"

const struct profile_kind profile_kind_cpu = {
	.name = "profile",
	.title = "CPU time by stack, sampled for ?seconds=N (30)",
	.source = SAMPLES_CPU,
	.shown_type = "cpu",
};

const struct profile_kind profile_kind_heap = {
	.name = "heap",
	.title = "heap in use by the stack that allocated it, since the attach",
	.source = SAMPLES_HEAP,
	.shown_type = "inuse_space",
};

const struct profile_kind profile_kind_allocs = {
	.name = "allocs",
	.title = "all allocations by stack, since the attach",
	.source = SAMPLES_HEAP,
	.shown_type = "alloc_space",
	.default_type = "alloc_space",
};
