// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The heap: uprobes on the allocator's functions. An allocation is sampled at its entry, by bytes,
 * and booked at its return, when its address is known; a block given back is looked up by address.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>

#include "poisson.h"
#include "stack.bpf.h"

char LICENSE[] SEC("license") __weak = "Dual BSD/GPL";

#define HEAP_CHUNKS  32768
#define HEAP_STATS   262144
#define HEAP_LIVE    4194304
#define HEAP_PENDING 16384

/* Mean bytes between samples; 1: every allocation. Set before load. */
const volatile __u64 heap_rate = 1;

STACK_MAP(heap_stacks, HEAP_CHUNKS);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, HEAP_STATS);
	__type(key, struct wire_heap_key);
	__type(value, struct wire_heap_counts);
} heap_stats SEC(".maps");

/* Sampled blocks that are in use, by address. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, HEAP_LIVE);
	__type(key, __u64);
	__type(value, struct wire_heap_key);
} heap_live SEC(".maps");

/* What an allocation in progress is remembered by until it returns. */
struct pending {
	__u64 sp; /* at the entry: tells the return of this call from that of a nested one */
	struct wire_heap_key key;
	struct wire_heap_key old; /* of the block that realloc was given */
	__u64 old_address;        /* 0: none, or not a sampled one */
	__u32 sampled;
	__u32 outcome; /* enum wire_counter, of a sampled one, if all goes well */
	__u64 out;     /* where posix_memalign puts the address; 0: it is returned */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, HEAP_PENDING);
	__type(key, __u32);
	__type(value, struct pending);
} heap_pending SEC(".maps");

/* Bytes to go until the next sample. By CPU: a race between two threads on one CPU costs a little
 * accuracy, never a wrong count. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} heap_gap SEC(".maps");

/* Global for the verifier's sake: its two loops are checked once, by themselves. */
__noinline __u64 next_gap(void)
{
	return poisson_gap(heap_rate, bpf_get_prandom_u32());
}

static __always_inline bool is_sampled(__u64 size)
{
	__u32 zero = 0;
	__u64 *gap;

	if (heap_rate <= 1)
		return true;
	gap = bpf_map_lookup_elem(&heap_gap, &zero);
	if (!gap)
		return false;
	if (!*gap)
		*gap = next_gap();
	if (*gap > size) {
		*gap -= size;
		return false;
	}
	*gap = next_gap();
	return true;
}

static __always_inline struct wire_heap_counts *stats_of(struct wire_heap_key *key)
{
	struct wire_heap_counts none = {};
	struct wire_heap_counts *stats = bpf_map_lookup_elem(&heap_stats, key);

	if (stats)
		return stats;
	/* Where another CPU was first, the look-up finds its element. */
	bpf_map_update_elem(&heap_stats, key, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&heap_stats, key);
}

static __always_inline void book_free(struct wire_heap_key *key)
{
	struct wire_heap_counts *stats = bpf_map_lookup_elem(&heap_stats, key);

	if (stats)
		__sync_fetch_and_add(&stats->frees, 1);
}

/* Takes the block out of the books of live ones. False where it is not in them. */
static __always_inline bool take_live(__u64 address, struct wire_heap_key *key)
{
	struct wire_heap_key *live = bpf_map_lookup_elem(&heap_live, &address);

	if (!live)
		return false;
	*key = *live;
	return !bpf_map_delete_elem(&heap_live, &address);
}

/* Books the block that a sampled call gave. */
static __always_inline enum wire_counter book_alloc(__u64 address, struct pending *pending)
{
	struct wire_heap_key *key = &pending->key;
	struct wire_heap_counts *stats = stats_of(key);
	struct wire_heap_key stale;

	if (!stats)
		return WIRE_ALLOC_LOST_STATS;
	if (take_live(address, &stale)) {
		book_free(&stale);
		count(WIRE_FREE_LATE);
	}
	__sync_fetch_and_add(&stats->allocs, 1);
	if (!bpf_map_update_elem(&heap_live, &address, key, BPF_ANY))
		return pending->outcome;
	/* What is in use stays a lower bound. */
	__sync_fetch_and_add(&stats->frees, 1);
	return WIRE_ALLOC_LOST_LIVE;
}

/* The stack begins with the caller: at the entry of a function its return address is at [rsp], and
 * rbp is still the caller's. `outcome` says what became of it. */
static __always_inline __u64 caller_stack(struct pt_regs *ctx, enum wire_counter *outcome)
{
	struct scratch *scratch = scratch_take();
	__u64 stack;

	if (!scratch) {
		*outcome = WIRE_ALLOC_STACK_BUSY;
		return WIRE_STACK_LOST;
	}
	stack_start(scratch);
	scratch->walk.sp = ctx->rsp + 8;
	scratch->walk.bp = ctx->rbp;
	scratch->walk.exact = 0;
	scratch->walk.bx_at = 0;
	/* Those of an earlier walk. */
	__builtin_memset(scratch->walk.registers, 0, sizeof(scratch->walk.registers));
	if (bpf_probe_read_user(&scratch->walk.pc, sizeof(scratch->walk.pc), (void *)ctx->rsp))
		scratch->head.end = WIRE_END_READ_FAULT;
	else
		stack_add_user(scratch);
	if (scratch->walk.frame_pointers)
		count_many(WIRE_ALLOC_FRAME_POINTERS, scratch->walk.frame_pointers);
	stack = stack_intern(&heap_stacks, scratch);
	scratch_give_back(scratch);
	*outcome = stack == WIRE_STACK_LOST ? WIRE_ALLOC_STACK_FULL : WIRE_ALLOC_COUNTED;
	return stack;
}

/* realloc(old, ...): the old block leaves the books before the allocator can give its address to
 * another thread. alloc_return() books its end, or puts it back where realloc failed. */
static __always_inline void realloc_take_old(struct pending *pending, __u64 old)
{
	if (!old)
		return;
	if (take_live(old, &pending->old))
		pending->old_address = old;
	else
		count(WIRE_FREE_UNTRACKED);
}

/* Whether a call of this thread is under way already, from which this one was made. The stack grows
 * down, so an entry above the remembered sp means that the other is over without a return. One at
 * the same sp is a tail call: glibc's realloc(NULL, n) jumps to malloc, and [rsp] is then the
 * return probe's trampoline. */
static __always_inline bool is_nested(__u32 thread, __u64 sp)
{
	struct pending *outer = bpf_map_lookup_elem(&heap_pending, &thread);

	if (!outer)
		return false;
	if (sp <= outer->sp)
		return true;
	if (outer->sampled)
		count(WIRE_ALLOC_LOST_RETURN);
	bpf_map_delete_elem(&heap_pending, &thread);
	return false;
}

static __always_inline bool takes_old(enum wire_heap_call call)
{
	return call == WIRE_HEAP_REALLOC || call == WIRE_HEAP_REALLOCARRAY;
}

/* True where the return is of interest too. */
static __always_inline bool alloc_entry(struct pt_regs *ctx, enum wire_heap_call call, __u64 size)
{
	__u32 thread = (__u32)bpf_get_current_pid_tgid();
	struct pending pending = {.sp = ctx->rsp, .key.size = size};
	enum wire_counter outcome = WIRE_ALLOC_UNSAMPLED;

	if (call == WIRE_HEAP_POSIX_MEMALIGN)
		pending.out = ctx->rdi;

	if (is_nested(thread, pending.sp)) {
		count(WIRE_ALLOC_NESTED);
		return false;
	}
	if (takes_old(call))
		realloc_take_old(&pending, ctx->rdi);
	pending.sampled = is_sampled(size);
	if (pending.sampled)
		pending.key.stack = caller_stack(ctx, &outcome);
	else
		count(outcome);
	pending.outcome = outcome;
	/* These may call another, which must find that it is nested, sampled or not. */
	if (!pending.sampled && !takes_old(call))
		return false;
	if (!bpf_map_update_elem(&heap_pending, &thread, &pending, BPF_ANY))
		return true;
	if (pending.old_address)
		book_free(&pending.old);
	if (pending.sampled)
		count(WIRE_ALLOC_LOST_PENDING);
	return false;
}

/* count * size. An overflow is refused by the allocator: nothing is allocated, and what realloc was
 * given stays. */
static __always_inline bool array_entry(struct pt_regs *ctx, enum wire_heap_call call, __u64 count_,
					__u64 size)
{
	__u64 bytes = count_ * size;

	/* Or clang sees an overflow check, for which BPF has no instruction. */
	barrier_var(bytes);
	if (size && bytes / size != count_) {
		count(WIRE_ALLOC_FAILED);
		return false;
	}
	return alloc_entry(ctx, call, bytes);
}

static __always_inline void free_entry(__u64 address)
{
	struct wire_heap_key key;

	if (!address)
		return;
	if (take_live(address, &key)) {
		book_free(&key);
		count(WIRE_FREE_COUNTED);
	} else {
		count(WIRE_FREE_UNTRACKED);
	}
}

static __always_inline bool call_entry(struct pt_regs *ctx, enum wire_heap_call call)
{
	switch (call) {
	case WIRE_HEAP_MALLOC:
		return alloc_entry(ctx, call, ctx->rdi);
	case WIRE_HEAP_CALLOC:
		return array_entry(ctx, call, ctx->rdi, ctx->rsi);
	case WIRE_HEAP_REALLOC:
	case WIRE_HEAP_ALIGNED:
		return alloc_entry(ctx, call, ctx->rsi);
	case WIRE_HEAP_REALLOCARRAY:
		return array_entry(ctx, call, ctx->rsi, ctx->rdx);
	case WIRE_HEAP_POSIX_MEMALIGN:
		return alloc_entry(ctx, call, ctx->rdx);
	case WIRE_HEAP_FREE:
		free_entry(ctx->rdi);
		return false;
	}
	return false;
}

/* realloc is done with the old block: gone, unless it failed (NULL for a size other than 0). */
static __always_inline void settle_old(struct pending *pending, __u64 address)
{
	if (!pending->old_address)
		return;
	if (!address && pending->key.size &&
	    !bpf_map_update_elem(&heap_live, &pending->old_address, &pending->old, BPF_ANY))
		return;
	book_free(&pending->old);
	count(WIRE_FREE_COUNTED);
}

/* What the call gave; 0 where it failed. posix_memalign's `result` is 0 or an error number. */
static __always_inline __u64 given_address(const struct pending *pending, __u64 result)
{
	__u64 address = 0;

	if (!pending->out)
		return result;
	if (!(__u32)result)
		bpf_probe_read_user(&address, sizeof(address), (void *)pending->out);
	return address;
}

static __always_inline void alloc_return(struct pt_regs *ctx)
{
	__u32 thread = (__u32)bpf_get_current_pid_tgid();
	struct pending *found = bpf_map_lookup_elem(&heap_pending, &thread);
	struct pending pending;
	__u64 address, result = ctx->rax;

	/* Or clang makes a pointer into ctx of it, which the verifier does not have. */
	barrier_var(result);
	/* `ret` has popped the return address: sp is 8 above what it was at the entry. */
	if (!found || found->sp + 8 != ctx->rsp)
		return;
	pending = *found;
	bpf_map_delete_elem(&heap_pending, &thread);
	address = given_address(&pending, result);
	settle_old(&pending, address);
	if (pending.sampled)
		count(address ? book_alloc(address, &pending) : WIRE_ALLOC_FAILED);
}

/* Where the kernel has session probes (6.13), one probe sees both ends of a call, and an entry that
 * gives 1 spares the return. Elsewhere it is a uprobe and a uretprobe. */
extern bool bpf_session_is_return(void) __weak __ksym;

SEC("uprobe")
int heap_session(struct pt_regs *ctx)
{
	if (!in_target())
		return 1;
	if (bpf_session_is_return()) {
		alloc_return(ctx);
		return 0;
	}
	return call_entry(ctx, bpf_get_attach_cookie(ctx)) ? 0 : 1;
}

SEC("uprobe")
int heap_entry(struct pt_regs *ctx)
{
	if (in_target())
		call_entry(ctx, bpf_get_attach_cookie(ctx));
	return 0;
}

SEC("uretprobe")
int heap_return(struct pt_regs *ctx)
{
	if (in_target())
		alloc_return(ctx);
	return 0;
}
