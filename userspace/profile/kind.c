// SPDX-License-Identifier: Apache-2.0
#include "profile/kind.h"

#include <string.h>

const struct profile_kind profile_kind_cpu = {
	.name = "profile",
	.label = "CPU",
	.title = "CPU time by stack, sampled for ?seconds=N (30)",
	.source = SAMPLES_CPU,
	.shown_type = "cpu",
};

const struct profile_kind profile_kind_heap = {
	.name = "heap",
	.label = "Heap in use",
	.title = "heap in use by the stack that allocated it, since the attach",
	.source = SAMPLES_HEAP,
	.shown_type = "inuse_space",
};

const struct profile_kind profile_kind_allocs = {
	.name = "allocs",
	.label = "Allocated",
	.title = "all allocations by stack, since the attach",
	.source = SAMPLES_HEAP,
	.shown_type = "alloc_space",
	.default_type = "alloc_space",
};

const struct profile_kind profile_kind_block = {
	.name = "block",
	.label = "Off-CPU",
	.title = "time off the CPU by stack: sleep, locks, I/O, preemption, since the attach",
	.source = SAMPLES_WAITS,
	.shown_type = "delay",
};

const struct profile_kind profile_kind_mutex = {
	.name = "mutex",
	.label = "Locks",
	.title = "time spent waiting for locks by the stack that waited, since the attach",
	.source = SAMPLES_WAITS,
	.shown_type = "delay",
};

const struct profile_kind profile_kind_wall = {
	.name = "wall",
	.label = "Wall clock",
	.title = "all threads' time by stack, on the CPU and off it, for ?seconds=N (30)",
	.source = SAMPLES_WALL,
	.shown_type = "wall",
};

const struct profile_kind profile_kind_goroutine = {
	.name = "goroutine",
	.label = "Threads",
	.title = "the stacks of all threads, as they are now",
	.source = SAMPLES_THREADS,
	.shown_type = "goroutine",
};

const struct profile_kind profile_kind_threadcreate = {
	.name = "threadcreate",
	.label = "Thread creation",
	.title = "the stacks that created threads, since the attach",
	.source = SAMPLES_CLONES,
	.shown_type = "threadcreate",
};

const struct profile_kind *const profile_kinds[] = {
	&profile_kind_allocs,       &profile_kind_block, &profile_kind_goroutine,
	&profile_kind_heap,         &profile_kind_mutex, &profile_kind_cpu,
	&profile_kind_threadcreate, &profile_kind_wall,  NULL,
};

const struct profile_kind *profile_kind__find(const char *name)
{
	for (const struct profile_kind *const *kind = profile_kinds; *kind; kind++) {
		if (!strcmp((*kind)->name, name))
			return *kind;
	}
	return NULL;
}

bool profile_kind__takes_time(const struct profile_kind *kind)
{
	return kind->source == SAMPLES_CPU || kind->source == SAMPLES_WALL;
}
