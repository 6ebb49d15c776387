/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Every type that both sides of the kernel line see: fixed widths, explicit padding, asserted
 * sizes. The includer has __u32 and __u64 already (<linux/types.h>). */
#ifndef EXOPROF_WIRE_H
#define EXOPROF_WIRE_H

/* perf_event_max_stack is 127 by default; bpf_get_stack() gives no more than that. */
#define WIRE_KERNEL_DEPTH    127
#define WIRE_USER_DEPTH      256

/* Scratch areas that each CPU has for stacks while they are walked. */
#define WIRE_SCRATCH_PER_CPU 4

/* How a user stack ended. Only the kernel side knows; user space names it. */
enum wire_stack_end {
	WIRE_END_OUTERMOST,   /* whole: the outermost frame was reached */
	WIRE_END_NO_USER,     /* no user registers: a kernel worker of the process */
	WIRE_END_NO_MAPPING,  /* the address is in no mapping that we know */
	WIRE_END_NO_ROW,      /* no row for the code, and its frame pointer leads nowhere */
	WIRE_END_UNSUPPORTED, /* a rule that we cannot follow */
	WIRE_END_READ_FAULT,  /* the stack cannot be read there */
	WIRE_END_BAD_FRAME,   /* the caller's frame would not be above this one */
	WIRE_END_TOO_DEEP,    /* WIRE_USER_DEPTH frames and more to come */
	WIRE_ENDS,
};

/* What a stack was walked for. */
enum wire_source {
	WIRE_SOURCE_CPU,
	WIRE_SOURCE_HEAP,
	WIRE_SOURCE_OFFCPU,
	WIRE_SOURCE_CLONE,
	WIRE_SOURCE_THREAD,
	WIRE_SOURCES,
};

/* How many stacks of a source ended so, on each CPU, whether there was room to keep them or not. */
#define WIRE_STACK_ENDS             (WIRE_SOURCES * WIRE_ENDS)
#define WIRE_END_INDEX(source, end) ((source)*WIRE_ENDS + (end))

/* Maps of which the kernel side counts how many elements it has added, on each CPU, less those that
 * it has removed: walking them takes long. */
enum wire_fill {
	WIRE_FILL_CPU_STACKS, /* chunks */
	WIRE_FILL_HEAP_STACKS,
	WIRE_FILL_KEPT_STACKS,
	WIRE_FILL_CPU_COUNTS,
	WIRE_FILL_HEAP_STATS,
	WIRE_FILL_HEAP_LIVE,
	WIRE_FILL_OFFCPU_COUNTS,
	WIRE_FILL_CLONE_COUNTS,
	WIRE_FILLS,
};

/* Marks a user frame's address as the very instruction that was about to run: of the frame that a
 * tick or a signal interrupted. All others are return addresses, one behind the call. User
 * addresses have at most 56 bits. */
#define WIRE_FRAME_EXACT (1ULL << 63)

/* How to get from a frame to its caller's. The caller's stack pointer is the canonical frame
 * address, CFA; the return address is at CFA - 8. */
enum wire_cfa {
	WIRE_CFA_NONE,        /* no information about this code */
	WIRE_CFA_END,         /* the outermost frame: there is no return address */
	WIRE_CFA_REGISTER,    /* register + offset */
	WIRE_CFA_DEREF,       /* [register + offset] + addend */
	WIRE_CFA_PLT,         /* rsp + 8, and 8 more from byte `cfa_offset` of an entry of 16 on */
	WIRE_CFA_SIGNAL,      /* all registers are in the signal frame that rsp points to */
	WIRE_CFA_UNSUPPORTED, /* there is a rule, but none of these */
};

enum wire_bp {
	WIRE_BP_UNCHANGED,
	WIRE_BP_SAVED,       /* at CFA + bp_offset */
	WIRE_BP_SAVED_BY_BP, /* at rbp + bp_offset: functions that align their stack */
	WIRE_BP_UNKNOWN,
};

/* What becomes of rbx is said only of files that find a frame by it, which is the dynamic linker
 * while it looks a function up. Elsewhere it would cost rows. From 2 on, n: saved at CFA - 8 * n.
 */
enum wire_bx {
	WIRE_BX_UNKNOWN,
	WIRE_BX_UNCHANGED,
	WIRE_BX_MAX = 255,
};

struct wire_unwind_rule {
	__u8 cfa;          /* enum wire_cfa */
	__u8 cfa_register; /* by DWARF's numbers: 6 is rbp, 7 is rsp */
	__u8 bp;           /* enum wire_bp */
	__u8 bx;           /* enum wire_bx */
	__s32 cfa_offset;
	__s32 cfa_addend;
	__s32 bp_offset;
};
_Static_assert(sizeof(struct wire_unwind_rule) == 16, "wire layout");

/* From `pc_low` on, within a page of code, this rule holds, up to the next row. */
struct wire_unwind_row {
	__u16 pc_low;
	__u16 rule;
};
_Static_assert(sizeof(struct wire_unwind_row) == 4, "wire layout");

/* A page of code has its rows in one block, and its first row begins where it begins. */
#define WIRE_PAGE_SHIFT 16
#define WIRE_BLOCK_ROWS 65536
#define WIRE_BLOCKS_MAX 512   /* 128 MiB of rows */
#define WIRE_PAGES_MAX  65536 /* 4 GiB of code */
#define WIRE_RULES_MAX  65536

struct wire_unwind_block {
	struct wire_unwind_row rows[WIRE_BLOCK_ROWS];
};

struct wire_unwind_page {
	__u32 block;
	__u16 first, last; /* rows in the block */
};
_Static_assert(sizeof(struct wire_unwind_page) == 8, "wire layout");

enum wire_mapping_kind {
	WIRE_MAPPING_ROWS,    /* its code has rows */
	WIRE_MAPPING_NO_ROWS, /* it has none: JIT code, a file without call-frame information */
};

/* Executable memory of the target. */
struct wire_mapping {
	__u64 start, end; /* runtime addresses, end excluded */
	__u64 bias; /* runtime address - bias = address that the rows count by, its page 0 being
		     * first_page */
	__u32 first_page;
	__u32 page_count;
	__u32 kind; /* enum wire_mapping_kind */
	__u32 reserved;
};
_Static_assert(sizeof(struct wire_mapping) == 40, "wire layout");

/* The mappings of one address space are a run of these in a pool, sorted by address, which goes on
 * at the pool's beginning where it ends. A power of two. */
#define WIRE_MAPPING_POOL 65536
#define WIRE_MAPPINGS_MAX 32768 /* of one process: a new run fits in beside the one in use */

/* What a process executes from one exec to the next, from a fork to an exec, from the attach on: as
 * long as that lasts its addresses mean the same. Numbered from 1 on, and no number is given twice,
 * so that neither a pid that comes again nor an exec can mix up two programs. */
enum wire_era_origin {
	WIRE_ERA_ATTACH,
	WIRE_ERA_FORK,
	WIRE_ERA_EXEC,
	WIRE_ERA_EXEC_BY_THREAD, /* by one other than the first, which for the kernel's probes is
				  * the end of the process they were for */
};

/* By era. The kernel side makes those of forks and execs; from then on they are user space's. */
struct wire_era {
	__u32 tgid;
	__u32 origin; /* enum wire_era_origin */
	__u32 parent; /* the era it came from; 0: none */
	__u32 first_mapping, mapping_count;
	__u32 spell;     /* of following the heap: up by one after a time without probes */
	__u64 safe_size; /* bytes; see bpf/heap.bpf.c */
};
_Static_assert(sizeof(struct wire_era) == 32, "wire layout");

/* Of the processes that are followed, by tgid. */
struct wire_process {
	__u32 era;
	__u32 follows_children;
};
_Static_assert(sizeof(struct wire_process) == 8, "wire layout");

#define WIRE_PROCESSES_MAX 4096
#define WIRE_ERAS_MAX      16384

/* A stack is a row of words: a head, then one address a frame, leaf first, kernel frames before
 * user frames. It is kept in chunks, so that a short one costs little; chunk 0, with the head, is
 * written last. Words past the depth mean nothing. */
#define WIRE_CHUNK_WORDS   32
#define WIRE_CHUNKS_MAX    16
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

enum wire_news_kind {
	WIRE_NEWS_MAPPINGS, /* a walk met an address that is in none that we know */
	WIRE_NEWS_LIFE,     /* an exec, a fork, an exit */
};

struct wire_news {
	__u32 kind; /* enum wire_news_kind */
	__u32 tgid;
};
_Static_assert(sizeof(struct wire_news) == 8, "wire layout");

/* As the kernel has it (TASK_COMM_LEN). */
#define WIRE_COMM_BYTES 16

/* CPU samples are added up by stack and thread name within an epoch. User space starts a new epoch
 * whenever a profile starts or ends, so that a profile is a whole number of epochs. */
struct wire_cpu_key {
	__u64 stack;
	__u64 epoch;
	__u32 era;
	__u32 tid;                  /* 0: nobody wants to know */
	__u8 comm[WIRE_COMM_BYTES]; /* the thread's name */
};
_Static_assert(sizeof(struct wire_cpu_key) == 40, "wire layout");

/* Instead of a system call, of a thread that the kernel has made in the process, as io_uring's. */
#define WIRE_SYSCALL_WORKER (-2)

/* What a thread that is off the CPU does there, as far as the kernel side sees it. */
struct wire_wait {
	__s16 syscall;    /* that it is in; -1: none, as in a page fault; WIRE_SYSCALL_WORKER */
	__u16 state;      /* as in struct task_struct; 0: it could run */
	__u8 futex;       /* of futex(2): its command, plus one; 0: another call */
	__u8 futex_value; /* that it expects there; 255: that or more */
	__u8 futex_has_timeout;
	__u8 reserved;
};
_Static_assert(sizeof(struct wire_wait) == 8, "wire layout");

/* Time off the CPU is added up by where and how it was spent. */
struct wire_wait_key {
	__u64 stack;
	__u32 era;
	__u32 tid; /* 0: nobody wanted to know */
	struct wire_wait wait;
	__u8 comm[WIRE_COMM_BYTES];
};
_Static_assert(sizeof(struct wire_wait_key) == 40, "wire layout");

/* Waits are counted in 1/1024: of the short ones some stand for several. */
#define WIRE_WAIT_ONE 1024

struct wire_wait_counts {
	__u64 waits; /* times WIRE_WAIT_ONE */
	__u64 ns;
};
_Static_assert(sizeof(struct wire_wait_counts) == 16, "wire layout");

/* What became of a look at a thread. */
enum wire_look {
	WIRE_LOOK_TAKEN,
	WIRE_LOOK_RUNS,  /* it is on a CPU, and its registers are there */
	WIRE_LOOK_MOVED, /* it ran while it was looked at */
	WIRE_LOOK_LOST,  /* no room for its stack */
};

/* A thread, as it is now. */
struct wire_thread {
	__u64 stack;
	__u64 since_ns; /* when it left the CPU, by CLOCK_MONOTONIC; 0: before the attach */
	__u32 tid, tgid, era;
	__u32 look;       /* enum wire_look */
	__u32 is_running; /* user space's: a tick has met it */
	__u32 reserved;
	struct wire_wait wait;
	__u8 comm[WIRE_COMM_BYTES];
};
_Static_assert(sizeof(struct wire_thread) == 64, "wire layout");

/* The cookie of ticks that only look which threads run. */
#define WIRE_TICK_LOOKS 1

/* A thread that a tick found running. */
struct wire_running {
	__u64 stack;
	__u32 era;
	__u32 reserved;
	__u8 comm[WIRE_COMM_BYTES];
};
_Static_assert(sizeof(struct wire_running) == 32, "wire layout");

/* Threads that were created, by who did so. */
struct wire_clone_key {
	__u64 stack;
	__u32 era;
	__u32 reserved;
	__u8 comm[WIRE_COMM_BYTES];
};
_Static_assert(sizeof(struct wire_clone_key) == 32, "wire layout");

/* What kind of function an allocator's probe sits on, by its arguments. */
enum wire_heap_call {
	WIRE_HEAP_MALLOC,         /* (size): valloc, operator new */
	WIRE_HEAP_CALLOC,         /* (count, size) */
	WIRE_HEAP_REALLOC,        /* (old, size) */
	WIRE_HEAP_REALLOCF,       /* (old, size): where it fails the old block is gone too */
	WIRE_HEAP_REALLOCARRAY,   /* (old, count, size) */
	WIRE_HEAP_RESIZE,         /* (block, size), gives its new size: jemalloc's xallocx */
	WIRE_HEAP_ALIGNED,        /* (alignment, size): memalign, aligned_alloc */
	WIRE_HEAP_POSIX_MEMALIGN, /* (where to put the address, alignment, size) */
	WIRE_HEAP_FREE,           /* (block) */
	WIRE_HEAP_CALLS,
};

/* A probe's cookie: bits 0 to 7 are the kind of call; from bit 8 on, four bits for each of three
 * arguments, the register that it is in where the probe sits, by x86's own numbers (rax 0, rcx 1,
 * rdx 2, ... rdi 7, r8 to r15); bit 20: where it fails it throws; from bit 32 on, the probe's
 * number. */
#define WIRE_HEAP_REGISTER_SHIFT(argument) (8 + 4 * (argument))
#define WIRE_HEAP_REGISTERS_MASK           0xfff00ULL
#define WIRE_HEAP_THROWS                   (1ULL << 20)
#define WIRE_HEAP_NUMBER_SHIFT             32

/* rdi, rsi, rdx: where a function's arguments are at its entry. */
#define WIRE_HEAP_REGISTERS_AT_ENTRY       0x26700ULL

/* Calls of a function that are waited for, on each CPU or by a stub, to learn whether it calls
 * another one. */
#define WIRE_HEAP_LEARNING_CALLS           64

/* Entry points that are probed, of all allocators of all processes, and one to calibrate with. */
#define WIRE_HEAP_PROBES_MAX               4096
#define WIRE_HEAP_CALIBRATION              WIRE_HEAP_PROBES_MAX
#define WIRE_HEAP_NUMBERS                  (WIRE_HEAP_PROBES_MAX + 1)

/* Of each probe, on each CPU. */
struct wire_heap_probe {
	__u64 hits;
	__u64 returns;  /* of those calls, that were waited for */
	__u64 nests;    /* whether it was seen to call another probed function */
	__u64 stack_ns; /* that went into the stacks of sampled calls */
};
_Static_assert(sizeof(struct wire_heap_probe) == 32, "wire layout");

/* With the size in the key every object of a row was sampled with the same probability, so that
 * user space can scale the row exactly. What is alive in an earlier era or spell of the process is
 * not followed any more. */
struct wire_heap_key {
	__u64 stack;
	__u64 size; /* bytes asked for */
	__u32 era;
	__u32 spell;
};
_Static_assert(sizeof(struct wire_heap_key) == 24, "wire layout");

/* A sampled block that is in use. */
struct wire_block {
	__u64 address;
	__u32 tgid;
	__u32 reserved;
};
_Static_assert(sizeof(struct wire_block) == 16, "wire layout");

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
	WIRE_ALLOC_TOO_LARGE,  /* not counted: might be refused by an exception */
	WIRE_ALLOC_STACK_BUSY, /* counted under WIRE_STACK_LOST, as above */
	WIRE_ALLOC_STACK_FULL,
	WIRE_ALLOC_LOST_PENDING, /* no room to remember the call until it returns */
	WIRE_ALLOC_LOST_STATS,   /* no room for another (stack, size) */
	WIRE_ALLOC_LOST_LIVE,    /* counted as allocated and freed: its free cannot be followed */
	WIRE_ALLOC_LOST_RETURN,  /* its return was never seen */

	/* a wait of a thread that is followed */
	WIRE_WAIT_COUNTED,
	WIRE_WAIT_UNSAMPLED,  /* a short one: others stand for it */
	WIRE_WAIT_SHORT,      /* shorter than what is of interest */
	WIRE_WAIT_STACK_BUSY, /* counted under WIRE_STACK_LOST, as above */
	WIRE_WAIT_STACK_FULL,
	WIRE_WAIT_LOST,       /* no room for another key */
	WIRE_WAIT_LOST_START, /* no room to remember when it began */
	WIRE_WAIT_LOST_END,   /* it was never seen to end */

	/* a thread that was created */
	WIRE_CLONE_COUNTED,
	WIRE_CLONE_STACK_BUSY, /* counted under WIRE_STACK_LOST, as above */
	WIRE_CLONE_STACK_FULL,
	WIRE_CLONE_LOST,

	/* a block given back, by free or realloc */
	WIRE_FREE_COUNTED,
	WIRE_FREE_UNTRACKED, /* not sampled, or from before the attach */
	WIRE_FREE_NULL,      /* free(NULL) */
	WIRE_FREE_LATE,      /* found out when its address was given out again */

	/* steps of walks, not events: by frame pointer, for want of a row */
	WIRE_CPU_FRAME_POINTERS,
	WIRE_ALLOC_FRAME_POINTERS,

	WIRE_WAIT_FRAME_POINTERS,

	/* time of WIRE_WAIT_SHORT and WIRE_WAIT_LOST */
	WIRE_WAIT_SHORT_NS,
	WIRE_WAIT_LOST_NS,

	/* bytes of WIRE_ALLOC_TOO_LARGE */
	WIRE_ALLOC_TOO_LARGE_BYTES,

	/* forks and execs of followed processes that there was no room to follow */
	WIRE_ERA_LOST,

	WIRE_COUNTERS,
};

#endif
