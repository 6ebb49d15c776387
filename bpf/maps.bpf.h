/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What all event sources share: the filter, the counters and scratch space. Each source's own maps
 * are in its own file. Weak, so that the objects link into one. */
#ifndef EXOPROF_MAPS_BPF_H
#define EXOPROF_MAPS_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#include "wire.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WIRE_COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} counters __weak SEC(".maps");

static __always_inline void count_many(enum wire_counter which, __u64 many)
{
	__u32 key = which;
	__u64 *value = bpf_map_lookup_elem(&counters, &key);

	/* Atomic, since a tick can interrupt a probe in the middle of it. */
	if (value)
		__sync_fetch_and_add(value, many);
}

static __always_inline void count(enum wire_counter which)
{
	count_many(which, 1);
}

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WIRE_FILLS);
	__type(key, __u32);
	__type(value, __s64);
} fills __weak SEC(".maps");

/* So many elements more, or less, are in that map. */
static __always_inline void count_fill(__u32 which, __s64 many)
{
	__s64 *value = bpf_map_lookup_elem(&fills, &which);

	if (value)
		__sync_fetch_and_add(value, many);
}

/* The value of that key in a hash map, a copy of `first` where it was not there; NULL where there
 * is no room. */
static __always_inline void *find_or_add(void *map, enum wire_fill fill, const void *key,
					 const void *first)
{
	void *value = bpf_map_lookup_elem(map, key);

	if (value)
		return value;
	/* Where another CPU was first, the look-up finds its element. */
	if (!bpf_map_update_elem(map, key, first, BPF_NOEXIST))
		count_fill(fill, 1);
	return bpf_map_lookup_elem(map, key);
}

/* Records of struct wire_news. They say no more than that something may have changed: user space
 * goes and looks. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16384);
} news __weak SEC(".maps");

static __always_inline void tell_news(enum wire_news_kind kind)
{
	struct wire_news record = {.kind = kind, .tgid = bpf_get_current_pid_tgid() >> 32};

	/* What does not fit in is found out at the next regular look. */
	bpf_ringbuf_output(&news, &record, sizeof(record), 0);
}

/* A walk that meets an unknown address is worth a look at the mappings, but not each of thousands.
 */
#define UNKNOWN_NEWS_NS 20000000

volatile __u64 unknown_told_ns __weak = 0;

static __always_inline void tell_unknown_address(void)
{
	__u64 now_ns = bpf_ktime_get_ns();

	if (now_ns - unknown_told_ns < UNKNOWN_NEWS_NS)
		return;
	unknown_told_ns = now_ns;
	tell_news(WIRE_NEWS_MAPPINGS);
}

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WIRE_PROCESSES_MAX);
	__type(key, __u32);
	__type(value, struct wire_process);
} processes __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WIRE_ERAS_MAX);
	__type(key, __u32);
	__type(value, struct wire_era);
} eras __weak SEC(".maps");

static __always_inline __u32 this_tgid(void)
{
	return bpf_get_current_pid_tgid() >> 32;
}

/* The era that the current process is in; 0 where it is not followed. */
static __always_inline __u32 this_era(void)
{
	__u32 tgid = this_tgid();
	struct wire_process *process = bpf_map_lookup_elem(&processes, &tgid);

	return process ? process->era : 0;
}

/* How many requests want to know which thread it was; set by user space. Many threads would make
 * many keys. */
volatile __u32 tid_wanted __weak = 0;

static __always_inline __u32 tid_if_wanted(void)
{
	return tid_wanted ? (__u32)bpf_get_current_pid_tgid() : 0;
}

/* Whether what happens in an era counts: from the attach on only once its mappings are known. */
static __always_inline bool is_begun(__u32 number)
{
	const struct wire_era *era = bpf_map_lookup_elem(&eras, &number);

	return era && (era->origin != WIRE_ERA_ATTACH || era->mapping_count);
}

/* Words of the stack that are read at once. A read costs about 45 ns, of 8 bytes or of 512, and
 * most frames are small. */
#define WINDOW_WORDS 64
#define NO_WINDOW    (~0ULL << 12) /* no address is in it */

/* Where a walk up the stack has got to. */
struct walk {
	__u64 pc;
	__u64 sp;
	__u64 bp;
	__u32 mapping;       /* where in them its code was found last */
	__u32 first_mapping; /* the process has these, in the pool */
	__u32 mapping_count;
	__u32 exact;          /* an interrupted frame: pc is where it was, and registers hold */
	__u32 frame_pointers; /* steps by them */
	__u32 is_copy;        /* of another thread than the current one: see user_memory.bpf.h */
	__u32 reserved;
	__u64 missing;    /* of the copy: the walk cannot go on without what is here; 0: nothing */
	__u64 task;       /* the thread's struct task_struct */
	__u64 trampoline; /* of return probes; 0: none */
	__u64 bx_at;      /* where rbx is saved; BX_IN_REGISTER; 0: nobody knows */
	__u64 registers[16]; /* by DWARF's numbers, but for rbp and rsp */
	__u64 window_start;  /* runtime address */
	__u64 window[WINDOW_WORDS];
};

/* Room for one stack while it is walked. The number of words is a power of two, so that an index
 * that is masked is one that is checked. */
#define SCRATCH_WORDS (WIRE_CHUNKS_MAX * WIRE_CHUNK_WORDS)
_Static_assert((SCRATCH_WORDS & (SCRATCH_WORDS - 1)) == 0, "maskable");

struct scratch {
	__u32 busy;
	__u32 depth; /* words in use after the head */
	struct walk walk;
	union {
		struct wire_stack_head head;
		__u64 words[SCRATCH_WORDS];
	};
};

/* A probe's program may be preempted by another thread's on the same CPU and interrupted by a tick,
 * so one scratch area for each CPU is not enough: each CPU has a few, taken and given back. */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WIRE_SCRATCH_PER_CPU); /* times the CPUs, set before load */
	__type(key, __u32);
	__type(value, struct scratch);
} scratches __weak SEC(".maps");

/* NULL where all of this CPU's are taken. */
static __always_inline struct scratch *scratch_take(void)
{
	__u32 first = bpf_get_smp_processor_id() * WIRE_SCRATCH_PER_CPU;

	for (__u32 i = 0; i < WIRE_SCRATCH_PER_CPU; i++) {
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
