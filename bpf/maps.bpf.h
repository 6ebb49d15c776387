/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What all event sources share: the filter, the counters and scratch space. Each source's own maps
 * are in its own file. Weak, so that the objects link into one. */
#ifndef EXOPROF_MAPS_BPF_H
#define EXOPROF_MAPS_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#include "wire.h"

/* Set before load, constant from then on. */
const volatile __u32 target_tgid __weak = 0;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WIRE_COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} counters __weak SEC(".maps");

static __always_inline void count(enum wire_counter which)
{
	__u32 key = which;
	__u64 *value = bpf_map_lookup_elem(&counters, &key);

	/* Not atomic: only this CPU's cell, and a probe preempted inside one instruction's
	 * read-modify-write is the worst that can happen. */
	if (value)
		__sync_fetch_and_add(value, 1);
}

static __always_inline bool in_target(void)
{
	return bpf_get_current_pid_tgid() >> 32 == target_tgid;
}

/* Room for one stack while it is walked. A power of two, so that a masked index is a checked one.
 */
#define SCRATCH_WORDS (WIRE_CHUNKS_MAX * WIRE_CHUNK_WORDS)
_Static_assert((SCRATCH_WORDS & (SCRATCH_WORDS - 1)) == 0, "maskable");

struct scratch {
	__u32 busy;
	__u32 depth; /* words in use after the head */
	union {
		struct wire_stack_head head;
		__u64 words[SCRATCH_WORDS];
	};
};

/* A probe's program may be preempted by another thread's on the same CPU and interrupted by a tick,
 * so one scratch area for each CPU is not enough: each CPU has a few, taken and given back. */
#define SCRATCH_PER_CPU 4

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SCRATCH_PER_CPU); /* times the CPUs, set before load */
	__type(key, __u32);
	__type(value, struct scratch);
} scratches __weak SEC(".maps");

/* NULL where all of this CPU's are taken. */
static __always_inline struct scratch *scratch_take(void)
{
	__u32 first = bpf_get_smp_processor_id() * SCRATCH_PER_CPU;

	for (__u32 i = 0; i < SCRATCH_PER_CPU; i++) {
		__u32 key = first + i;
		struct scratch *scratch = bpf_map_lookup_elem(&scratches, &key);

		if (scratch && !__sync_val_compare_and_swap(&scratch->busy, 0, 1))
			return scratch;
	}
	return NULL;
}

static __always_inline void scratch_give_back(struct scratch *scratch)
{
	__sync_lock_test_and_set(&scratch->busy, 0);
}

#endif
