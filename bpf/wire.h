/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Every type that both sides of the kernel line see: fixed widths, explicit padding, asserted
 * sizes. The includer has __u32 and __u64 already (<linux/types.h>). */
#ifndef EXOPROF_WIRE_H
#define EXOPROF_WIRE_H

/* perf_event_max_stack is 127 by default; bpf_get_stack() gives no more than that. */
#define WIRE_KERNEL_DEPTH 127
#define WIRE_USER_DEPTH   256

/* How a user stack ended. Only the kernel side knows; user space names it. */
enum wire_stack_end {
	WIRE_END_OUTERMOST,  /* the frame pointer chain ended in 0, as the ABI has it */
	WIRE_END_NO_USER,    /* no user registers: a kernel worker of the process */
	WIRE_END_READ_FAULT, /* the next frame cannot be read */
	WIRE_END_BAD_FRAME,  /* the frame pointer does not go up the stack */
	WIRE_END_TOO_DEEP,   /* WIRE_USER_DEPTH frames and more to come */
};

/* A stack is a row of words: a head, then one address a frame, leaf first, kernel frames before
 * user frames. It is kept in chunks, so that a short one costs little; chunk 0, with the head, is
 * written last. Words past the depth mean nothing. */
#define WIRE_CHUNK_WORDS 32
#define WIRE_CHUNKS_MAX  16
_Static_assert(1 + WIRE_KERNEL_DEPTH + WIRE_USER_DEPTH <= WIRE_CHUNKS_MAX * WIRE_CHUNK_WORDS,
	       "the deepest stack fits");

/* The "hash" that samples are counted under whose stack could not be kept. */
#define WIRE_STACK_LOST 0ULL

struct wire_chunk_key {
	__u64 stack; /* hash of the whole stack */
	__u64 index;
};
_Static_assert(sizeof(struct wire_chunk_key) == 16, "wire layout");

struct wire_chunk {
	__u64 words[WIRE_CHUNK_WORDS];
};
_Static_assert(sizeof(struct wire_chunk) == 256, "wire layout");

struct wire_stack_head {
	__u16 kernel_depth;
	__u16 user_depth;
	__u32 end; /* enum wire_stack_end */
};
_Static_assert(sizeof(struct wire_stack_head) == sizeof(__u64), "one word");

/* CPU samples are added up by stack within an epoch. User space starts a new epoch whenever a
 * profile starts or ends, so that a profile is a whole number of epochs. */
struct wire_cpu_key {
	__u64 stack;
	__u64 epoch;
};
_Static_assert(sizeof(struct wire_cpu_key) == 16, "wire layout");

/* The cookie of an allocator probe: which function it sits on. */
enum wire_heap_call {
	WIRE_HEAP_MALLOC,
	WIRE_HEAP_CALLOC,
	WIRE_HEAP_REALLOC,
	WIRE_HEAP_FREE,
};

/* With the size in the key every object of a row was sampled with the same probability, so that
 * user space can scale the row exactly. */
struct wire_heap_key {
	__u64 stack;
	__u64 size; /* bytes asked for */
};
_Static_assert(sizeof(struct wire_heap_key) == 16, "wire layout");

struct wire_heap_counts {
	__u64 allocs; /* sampled objects */
	__u64 frees;  /* those of them that are gone */
};
_Static_assert(sizeof(struct wire_heap_counts) == 16, "wire layout");

/* One counter for each thing that can become of an event; every event ends in exactly one of its
 * source's, so that events = sum of outcomes. */
enum wire_counter {
	/* a CPU tick in the target */
	WIRE_CPU_COUNTED,
	WIRE_CPU_STACK_BUSY, /* counted under WIRE_STACK_LOST: no scratch space free on this CPU */
	WIRE_CPU_STACK_FULL, /* counted under WIRE_STACK_LOST: the stack map is full */
	WIRE_CPU_LOST,       /* not counted: the count map is full or was locked */

	/* a call of an allocation function */
	WIRE_ALLOC_COUNTED,
	WIRE_ALLOC_UNSAMPLED,
	WIRE_ALLOC_NESTED,     /* inside another one, which is the one that counts */
	WIRE_ALLOC_FAILED,     /* sampled, but gave NULL; or realloc(p, 0) */
	WIRE_ALLOC_STACK_BUSY, /* counted under WIRE_STACK_LOST, as above */
	WIRE_ALLOC_STACK_FULL,
	WIRE_ALLOC_LOST_PENDING, /* no room to remember the call until it returns */
	WIRE_ALLOC_LOST_STATS,   /* no room for another (stack, size) */
	WIRE_ALLOC_LOST_LIVE,    /* counted as allocated and freed: its free cannot be followed */
	WIRE_ALLOC_LOST_RETURN,  /* its return was never seen */

	/* a block given back, by free or realloc */
	WIRE_FREE_COUNTED,
	WIRE_FREE_UNTRACKED, /* not sampled, or from before the attach */
	WIRE_FREE_LATE,      /* found out when its address was given out again */

	WIRE_COUNTERS,
};

#endif
