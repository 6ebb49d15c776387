// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The heap: uprobes on the allocator's functions. An allocation is sampled at its entry, by bytes,
 * and booked at its return, when its address is known; a block given back is looked up by address.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>

#include "heap_filter.h"
#include "poisson.h"
#include "stack.bpf.h"
#include "stub_probe.h"

char LICENSE[] SEC("license") __weak = "Dual BSD/GPL";

#define HEAP_CHUNKS 32768
#define HEAP_STATS  262144
#define HEAP_LIVE   4194304

/* Mean bytes between samples; 1: every allocation. Set before load. */
const volatile __u64 heap_rate = 1;

STACK_MAP(heap_stacks, HEAP_CHUNKS);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, HEAP_STATS);
	__type(key, struct wire_heap_key);
	__type(value, struct wire_heap_counts);
} heap_stats SEC(".maps");

/* Sampled blocks that are in use. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, HEAP_LIVE);
	__type(key, struct wire_block);
	__type(value, struct wire_heap_key);
} heap_live SEC(".maps");

/* How many of them there are, by heap_filter_slot(). */
volatile __u32 heap_filter[HEAP_FILTER_SLOTS];

/* What an allocation in progress is remembered by until it returns, a thread's own. */
struct pending {
	__u64 sp; /* at the entry: tells the return of this call from that of a nested one; 0: none
		   */
	struct wire_heap_key key;
	struct wire_heap_key old; /* of the block that realloc was given */
	__u64 old_address;        /* 0: none, or not a sampled one */
	__u32 sampled;
	__u32 outcome; /* enum wire_counter, of a sampled one, if all goes well */
	__u32 call;    /* enum wire_heap_call */
	__u32 probe;   /* number */
	__u32 thread;
	__u32 reserved;
	__u64 block; /* where posix_memalign puts the address; the block that is resized */
	__u64 stub;  /* the call is made by a stub, from right behind there; 0: it is not */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct pending);
} heap_pending SEC(".maps");

/* How many threads have one, by their number: mostly none, which spares the look-up. */
#define PENDING_SLOTS 1024

volatile __u32 heap_pending_filter[PENDING_SLOTS];

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WIRE_HEAP_NUMBERS);
	__type(key, __u32);
	__type(value, struct wire_heap_probe);
} heap_probes SEC(".maps");

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

static __always_inline long live_add(__u64 address, struct wire_heap_key *key)
{
	volatile __u32 *slot = &heap_filter[heap_filter_slot(address)];
	struct wire_block block = {.address = address, .tgid = this_tgid()};
	long err;

	__sync_fetch_and_add(slot, 1);
	err = bpf_map_update_elem(&heap_live, &block, key, BPF_NOEXIST);
	if (err)
		__sync_fetch_and_add(slot, -1);
	else
		count_fill(WIRE_FILL_HEAP_LIVE, 1);
	return err;
}

static __always_inline struct wire_heap_counts *stats_of(struct wire_heap_key *key)
{
	struct wire_heap_counts none = {};

	return find_or_add(&heap_stats, WIRE_FILL_HEAP_STATS, key, &none);
}

static __always_inline void book_free(struct wire_heap_key *key)
{
	struct wire_heap_counts *stats = bpf_map_lookup_elem(&heap_stats, key);

	if (stats)
		__sync_fetch_and_add(&stats->frees, 1);
}

/* The era that the process is in; NULL where it is not followed. */
static __always_inline struct wire_era *this_life(__u32 *number)
{
	*number = this_era();
	return bpf_map_lookup_elem(&eras, number);
}

/* Whether what is counted under the key is of the era and the spell that the process is in. */
static __always_inline bool is_of_now(const struct wire_heap_key *key)
{
	__u32 number;
	struct wire_era *era = this_life(&number);

	return era && key->era == number && key->spell == era->spell;
}

/* Takes the block out of the books of live ones. False where it is not in them, or of an earlier
 * era. */
static __always_inline bool take_live(__u64 address, struct wire_heap_key *key)
{
	volatile __u32 *slot = &heap_filter[heap_filter_slot(address)];
	struct wire_block block = {.address = address};
	struct wire_heap_key *live;

	if (!*slot)
		return false;
	block.tgid = this_tgid();
	live = bpf_map_lookup_elem(&heap_live, &block);
	if (!live)
		return false;
	*key = *live;
	if (bpf_map_delete_elem(&heap_live, &block))
		return false;
	__sync_fetch_and_add(slot, -1);
	count_fill(WIRE_FILL_HEAP_LIVE, -1);
	return is_of_now(key);
}

/* Books the block that a sampled call gave; `outcome` as of struct pending. */
static __always_inline enum wire_counter book_alloc(__u64 address, struct wire_heap_key *key,
						    enum wire_counter outcome)
{
	struct wire_heap_counts *stats = stats_of(key);
	struct wire_heap_key stale;

	if (!stats)
		return WIRE_ALLOC_LOST_STATS;
	if (take_live(address, &stale)) {
		book_free(&stale);
		count(WIRE_FREE_LATE);
	}
	__sync_fetch_and_add(&stats->allocs, 1);
	if (!live_add(address, key))
		return outcome;
	/* What is in use stays a lower bound. */
	__sync_fetch_and_add(&stats->frees, 1);
	return WIRE_ALLOC_LOST_LIVE;
}

/* The stack begins with the caller, whose rbp is still there: at the entry of a function its return
 * address is at [sp]. `outcome` says what became of it. */
static __always_inline __u64 caller_stack(struct pt_regs *ctx, __u64 sp, __u32 era,
					  enum wire_counter *outcome)
{
	struct scratch *scratch = scratch_take();
	__u64 stack;

	if (!scratch) {
		*outcome = WIRE_ALLOC_STACK_BUSY;
		return WIRE_STACK_LOST;
	}
	stack_start(scratch, era);
	scratch->walk.sp = sp + 8;
	scratch->walk.bp = ctx->rbp;
	scratch->walk.exact = 0;
	scratch->walk.bx_at = 0;
	/* Those of an earlier walk. */
	__builtin_memset(scratch->walk.registers, 0, sizeof(scratch->walk.registers));
	if (read_stack(&scratch->walk, sp, &scratch->walk.pc))
		scratch->head.end = WIRE_END_READ_FAULT;
	else
		stack_add_user(scratch);
	if (scratch->walk.frame_pointers)
		count_many(WIRE_ALLOC_FRAME_POINTERS, scratch->walk.frame_pointers);
	stack = stack_intern(&heap_stacks, WIRE_FILL_HEAP_STACKS, scratch, WIRE_SOURCE_HEAP);
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

/* A register's value, by x86's number of it. The barrier keeps clang from making one read through a
 * moved pointer of them all, which the verifier does not take of ctx. */
#define REGISTER(number, name)      \
	case number:                \
		value = ctx->name;  \
		barrier_var(value); \
		return value

static __noinline __u64 register_value(struct pt_regs *ctx, __u32 number)
{
	__u64 value;

	switch (number & 15) {
		REGISTER(0, rax);
		REGISTER(1, rcx);
		REGISTER(2, rdx);
		REGISTER(3, rbx);
		REGISTER(6, rsi);
		REGISTER(8, r8);
		REGISTER(9, r9);
		REGISTER(10, r10);
		REGISTER(11, r11);
		REGISTER(12, r12);
		REGISTER(13, r13);
		REGISTER(14, r14);
		REGISTER(15, r15);
	default:
		value = ctx->rdi;
		barrier_var(value);
		return value;
	}
}

/* One call of an allocator's function, at its entry. */
struct call {
	enum wire_heap_call kind;
	bool throws; /* where it fails */
	__u32 probe;
	__u32 thread;
	__u64 sp;   /* where its return address is */
	__u64 stub; /* see struct pending */
	__u64 arguments[3];
};

static __always_inline void read_call(struct pt_regs *ctx, __u64 cookie, struct call *call)
{
	call->kind = cookie & 0xff;
	call->throws = cookie & WIRE_HEAP_THROWS;
	call->probe = cookie >> WIRE_HEAP_NUMBER_SHIFT;
	call->thread = (__u32)bpf_get_current_pid_tgid();
	call->sp = ctx->rsp;
	call->stub = 0;
	if ((cookie & WIRE_HEAP_REGISTERS_MASK) == WIRE_HEAP_REGISTERS_AT_ENTRY) {
		call->arguments[0] = ctx->rdi;
		call->arguments[1] = ctx->rsi;
		call->arguments[2] = ctx->rdx;
		return;
	}
	for (int i = 0; i < 3; i++)
		call->arguments[i] = register_value(ctx, cookie >> WIRE_HEAP_REGISTER_SHIFT(i));
}

static __always_inline volatile __u32 *pending_slot(__u32 thread)
{
	return &heap_pending_filter[thread % PENDING_SLOTS];
}

static __always_inline void pending_end(struct pending *pending)
{
	pending->sp = 0;
	/* By the thread's number at the start: an exec changes it. */
	__sync_fetch_and_add(pending_slot(pending->thread), -1);
}

/* This thread's; NULL where there is none. */
static __always_inline struct pending *pending_find(__u32 thread)
{
	struct pending *pending;

	if (!*pending_slot(thread))
		return NULL;
	pending = bpf_task_storage_get(&heap_pending, bpf_get_current_task_btf(), NULL, 0);
	if (!pending || !pending->sp)
		return NULL;
	/* Left over from before the probes were off, or from another program. */
	if (!is_of_now(&pending->key)) {
		pending_end(pending);
		return NULL;
	}
	return pending;
}

/* Room for this thread's, all zero. NULL where memory is short, or where another thread was
 * interrupted on this CPU in the middle of this. */
static __always_inline struct pending *pending_new(__u32 thread, __u64 sp)
{
	struct pending *pending;
	__u32 number;
	struct wire_era *era = this_life(&number);

	if (!era)
		return NULL;
	pending = bpf_task_storage_get(&heap_pending, bpf_get_current_task_btf(), NULL,
				       BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!pending)
		return NULL;
	__builtin_memset(pending, 0, sizeof(*pending));
	pending->sp = sp;
	pending->thread = thread;
	pending->key.era = number;
	pending->key.spell = era->spell;
	__sync_fetch_and_add(pending_slot(thread), 1);
	return pending;
}

/* Of the function that calls another probed one. */
static __always_inline void learn_nesting(__u32 probe)
{
	struct wire_heap_probe *outer = bpf_map_lookup_elem(&heap_probes, &probe);

	if (outer)
		outer->nests = 1;
}

/* The same of a call that a stub has made: it has a return address of its own. */
static __always_inline bool is_in_stub(const struct pending *pending)
{
	__u64 return_address;

	if (bpf_probe_read_user(&return_address, sizeof(return_address),
				(void *)(pending->sp - STUB_FRAME - sizeof(return_address))))
		return true;
	return return_address - pending->stub < STUB_RETURN_WITHIN;
}

/* Whether the call has not returned: as long as that lasts, the kernel's trampoline is its return
 * address. */
static __always_inline bool is_under_way(const struct pending *pending)
{
	__u64 trampoline, return_address;

	if (pending->stub)
		return is_in_stub(pending);
	trampoline = find_trampoline(bpf_get_current_task_btf());
	if (!trampoline ||
	    bpf_probe_read_user(&return_address, sizeof(return_address), (void *)pending->sp))
		return true;
	return return_address - trampoline < PAGE_BYTES;
}

/* Whether a call of this thread is under way already, from which this one was made. The stack grows
 * down, so an entry above the remembered sp means that the other is over without a return. One at
 * the same sp is a tail call: glibc's realloc(NULL, n) jumps to malloc, and [rsp] is then the
 * return probe's trampoline. */
static __always_inline bool is_nested(__u32 thread, __u64 sp)
{
	struct pending *outer = pending_find(thread);

	if (!outer)
		return false;
	if (sp <= outer->sp && is_under_way(outer)) {
		learn_nesting(outer->probe);
		return true;
	}
	if (outer->sampled)
		count(WIRE_ALLOC_LOST_RETURN);
	pending_end(outer);
	return false;
}

static __always_inline bool takes_old(enum wire_heap_call kind)
{
	return kind == WIRE_HEAP_REALLOC || kind == WIRE_HEAP_REALLOCF ||
	       kind == WIRE_HEAP_REALLOCARRAY || kind == WIRE_HEAP_RESIZE;
}

/* A call that is not sampled is of no further interest, unless it makes another one, which would be
 * a second chance for the same bytes: musl's calloc calls its malloc. Which functions do is learned
 * from their first calls, and from every sampled one. */
static __always_inline bool may_nest(const struct wire_heap_probe *probe)
{
	return probe->nests || probe->hits < WIRE_HEAP_LEARNING_CALLS;
}

static __always_inline void free_entry(__u64 address)
{
	struct wire_heap_key key;

	if (!address) {
		count(WIRE_FREE_NULL);
	} else if (take_live(address, &key)) {
		book_free(&key);
		count(WIRE_FREE_COUNTED);
	} else {
		count(WIRE_FREE_UNTRACKED);
	}
}

static __always_inline __u64 timed_stack(struct pt_regs *ctx, const struct call *call, __u32 era,
					 enum wire_counter *outcome)
{
	__u64 start_ns = bpf_ktime_get_ns();
	__u64 stack = caller_stack(ctx, call->sp, era, outcome);
	__u32 number = call->probe;
	struct wire_heap_probe *probe = bpf_map_lookup_elem(&heap_probes, &number);

	if (probe)
		probe->stack_ns += bpf_ktime_get_ns() - start_ns;
	return stack;
}

/* Notes the call until it returns: a sampled one with its stack, one that gives an old block back,
 * or one that may call another. True where that worked. Apart, for the others' sake. */
static __noinline bool remember(struct pt_regs *ctx, const struct call *call, __u64 size,
				bool sampled)
{
	enum wire_counter outcome = WIRE_ALLOC_UNSAMPLED;
	struct pending *pending = pending_new(call->thread, call->sp);

	if (!pending) {
		if (takes_old(call->kind))
			free_entry(call->arguments[0]);
		if (sampled)
			count(WIRE_ALLOC_LOST_PENDING);
		return false;
	}
	pending->key.size = size;
	pending->sampled = sampled;
	pending->call = call->kind;
	pending->probe = call->probe;
	pending->stub = call->stub;
	if (call->kind == WIRE_HEAP_POSIX_MEMALIGN || call->kind == WIRE_HEAP_RESIZE)
		pending->block = call->arguments[0];
	if (takes_old(call->kind))
		realloc_take_old(pending, call->arguments[0]);
	if (sampled)
		pending->key.stack = timed_stack(ctx, call, pending->key.era, &outcome);
	pending->outcome = outcome;
	return true;
}

/* To see a call's return the kernel replaces its return address, and an exception that meets the
 * replacement finds no frame there: an operator new that throws std::bad_alloc would end the
 * program. So the return is waited for only of requests that will not be refused, of which user
 * space keeps up how large they may be. */
static __always_inline bool may_throw(const struct call *call, __u64 size)
{
	struct wire_era *era;
	__u32 number;

	if (!call->throws)
		return false;
	era = this_life(&number);
	return !era || size > era->safe_size;
}

/* True where the return is of interest too. Most calls are not sampled: what is done for them is
 * what exoprof costs. */
static __always_inline bool alloc_entry(struct pt_regs *ctx, const struct call *call,
					const struct wire_heap_probe *probe, __u64 size)
{
	bool sampled;

	if (is_nested(call->thread, call->sp)) {
		count(WIRE_ALLOC_NESTED);
		return false;
	}
	if (may_throw(call, size)) {
		count(WIRE_ALLOC_TOO_LARGE);
		count_many(WIRE_ALLOC_TOO_LARGE_BYTES, size);
		return false;
	}
	sampled = is_sampled(size);
	if (!sampled)
		count(WIRE_ALLOC_UNSAMPLED);
	if (!sampled && !takes_old(call->kind) && !may_nest(probe))
		return false;
	return remember(ctx, call, size, sampled);
}

/* count * size. An overflow is refused by the allocator: nothing is allocated, and what realloc was
 * given stays. */
static __always_inline bool array_entry(struct pt_regs *ctx, const struct call *call,
					const struct wire_heap_probe *probe, __u64 count_,
					__u64 size)
{
	__u64 bytes = count_ * size;

	/* Or clang sees an overflow check, for which BPF has no instruction. */
	barrier_var(bytes);
	if (size && bytes / size != count_) {
		count(WIRE_ALLOC_FAILED);
		return false;
	}
	return alloc_entry(ctx, call, probe, bytes);
}

static __always_inline bool call_entry(struct pt_regs *ctx, __u64 cookie)
{
	struct wire_heap_probe *probe;
	struct call call;

	read_call(ctx, cookie, &call);
	probe = bpf_map_lookup_elem(&heap_probes, &call.probe);
	if (!probe)
		return false;
	probe->hits++;
	switch (call.kind) {
	case WIRE_HEAP_MALLOC:
		return alloc_entry(ctx, &call, probe, call.arguments[0]);
	case WIRE_HEAP_CALLOC:
		return array_entry(ctx, &call, probe, call.arguments[0], call.arguments[1]);
	case WIRE_HEAP_REALLOC:
	case WIRE_HEAP_REALLOCF:
	case WIRE_HEAP_RESIZE:
	case WIRE_HEAP_ALIGNED:
		return alloc_entry(ctx, &call, probe, call.arguments[1]);
	case WIRE_HEAP_REALLOCARRAY:
		return array_entry(ctx, &call, probe, call.arguments[1], call.arguments[2]);
	case WIRE_HEAP_POSIX_MEMALIGN:
		return alloc_entry(ctx, &call, probe, call.arguments[2]);
	default:
		free_entry(call.arguments[0]);
		return false;
	}
}

/* realloc is done with the old block: gone, unless it failed (NULL for a size other than 0). */
static __always_inline void settle_old(struct pending *pending, __u64 address)
{
	if (!pending->old_address)
		return;
	if (!address && pending->key.size && pending->call != WIRE_HEAP_REALLOCF &&
	    !live_add(pending->old_address, &pending->old))
		return;
	book_free(&pending->old);
	count(WIRE_FREE_COUNTED);
}

/* What the call gave; 0 where it failed. */
static __always_inline __u64 given_address(const struct pending *pending, __u64 result)
{
	__u64 address = 0;

	switch (pending->call) {
	case WIRE_HEAP_POSIX_MEMALIGN:
		/* 0 or an error number */
		if (!(__u32)result)
			bpf_probe_read_user(&address, sizeof(address), (void *)pending->block);
		return address;
	case WIRE_HEAP_RESIZE:
		return result >= pending->key.size ? pending->block : 0;
	default:
		return result;
	}
}

static __always_inline void count_return(__u64 cookie)
{
	__u32 number = cookie >> WIRE_HEAP_NUMBER_SHIFT;
	struct wire_heap_probe *probe = bpf_map_lookup_elem(&heap_probes, &number);

	if (probe)
		probe->returns++;
}

/* `sp`: where the return address is, or was. */
static __always_inline void alloc_return(struct pt_regs *ctx, __u64 sp)
{
	__u32 thread = (__u32)bpf_get_current_pid_tgid();
	struct pending *pending = pending_find(thread);
	__u64 address, result = ctx->rax;

	/* Or clang makes a pointer into ctx of it, which the verifier does not have. */
	barrier_var(result);
	if (!pending || pending->sp != sp)
		return;
	address = given_address(pending, result);
	settle_old(pending, address);
	if (pending->sampled)
		count(address ? book_alloc(address, &pending->key, pending->outcome)
			      : WIRE_ALLOC_FAILED);
	pending_end(pending);
}

/* Of a call that has returned: `ret` has popped the return address. */
static __always_inline __u64 sp_at_entry(const struct pt_regs *ctx)
{
	return ctx->rsp - 8;
}

/* Where the kernel has session probes (6.13), one probe sees both ends of a call, and an entry that
 * gives 1 spares the return; the kernel runs it in the target alone. Elsewhere it is a uprobe and a
 * uretprobe. */
extern bool bpf_session_is_return(void) __weak __ksym;

SEC("uprobe")
int heap_session(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);

	if (bpf_session_is_return()) {
		count_return(cookie);
		alloc_return(ctx, sp_at_entry(ctx));
		return 0;
	}
	return call_entry(ctx, cookie) ? 0 : 1;
}

/* Half of all calls: free, with its argument in rdi, needs little of the cookie and no return. */
SEC("uprobe")
int heap_free(struct pt_regs *ctx)
{
	__u32 number = bpf_get_attach_cookie(ctx) >> WIRE_HEAP_NUMBER_SHIFT;
	struct wire_heap_probe *probe = bpf_map_lookup_elem(&heap_probes, &number);

	if (probe)
		probe->hits++;
	free_entry(ctx->rdi);
	return 0;
}

SEC("uprobe")
int heap_entry(struct pt_regs *ctx)
{
	if (this_era())
		call_entry(ctx, bpf_get_attach_cookie(ctx));
	return 0;
}

SEC("uretprobe")
int heap_return(struct pt_regs *ctx)
{
	if (this_era()) {
		count_return(bpf_get_attach_cookie(ctx));
		alloc_return(ctx, sp_at_entry(ctx));
	}
	return 0;
}

/* --- a stub in the target ------------------------------------------------------------------------
 */

/* The function's cookie comes from the target's memory: it may name one of the numbers that are the
 * target's by the probe's cookie, the first and how many. */
static __always_inline struct wire_heap_probe *stub_number(__u64 cookie, __u64 own, __u32 *number)
{
	__u32 first = own, count = own >> 32;

	*number = cookie >> WIRE_HEAP_NUMBER_SHIFT;
	return *number - first < count ? bpf_map_lookup_elem(&heap_probes, number) : NULL;
}

/* False where it is none of the target's. */
static __always_inline bool read_stub_call(struct pt_regs *ctx, struct call *call)
{
	__u64 cookie = ctx->r10;
	struct wire_heap_probe *probe;

	barrier_var(cookie);
	cookie &= ~WIRE_HEAP_REGISTERS_MASK;
	read_call(ctx, cookie | WIRE_HEAP_REGISTERS_AT_ENTRY, call);
	call->sp += STUB_FRAME;
	call->stub = ctx->rip;
	probe = stub_number(cookie, bpf_get_attach_cookie(ctx), &call->probe);
	if (!probe)
		return false;
	probe->hits++;
	return true;
}

/* A call that may give a sampled block back, before it does: by the time it returns the address may
 * be another thread's. */
SEC("uprobe")
int heap_stub_entry(struct pt_regs *ctx)
{
	__u64 told = ctx->r11;
	struct call call;
	__u64 size;

	barrier_var(told);
	if (!read_stub_call(ctx, &call))
		return 0;
	size = call.arguments[1];
	if (call.kind == WIRE_HEAP_REALLOCARRAY)
		size *= call.arguments[2];
	if (is_nested(call.thread, call.sp))
		count(WIRE_ALLOC_NESTED);
	else
		remember(ctx, &call, size, told & STUB_TOLD_SAMPLED);
	return 0;
}

/* A call that was sampled, and is over. */
static __always_inline void book_sampled(struct pt_regs *ctx, const struct call *call)
{
	__u64 address = call->arguments[0];
	struct wire_heap_key key = {.size = call->arguments[1]};
	struct wire_era *era = this_life(&key.era);
	enum wire_counter outcome;

	if (!era)
		return;
	if (!address) {
		count(WIRE_ALLOC_FAILED);
		return;
	}
	key.spell = era->spell;
	key.stack = timed_stack(ctx, call, key.era, &outcome);
	count(book_alloc(address, &key, outcome));
}

SEC("uprobe")
int heap_stub_return(struct pt_regs *ctx)
{
	__u64 told = ctx->r11;
	struct call call;

	barrier_var(told);
	if (!read_stub_call(ctx, &call))
		return 0;
	if (told & STUB_TOLD_OLD)
		alloc_return(ctx, call.sp);
	else
		book_sampled(ctx, &call);
	return 0;
}

SEC("uprobe")
int heap_stub_free(struct pt_regs *ctx)
{
	/* Of some function. */
	__u32 number = bpf_get_attach_cookie(ctx);
	struct wire_heap_probe *probe = bpf_map_lookup_elem(&heap_probes, &number);

	if (probe)
		probe->hits++;
	free_entry(ctx->rdi);
	return 0;
}

/* What a call of malloc that is not sampled does, but for a counter, and for nobody: how long it
 * takes is measured on a function of exoprof's own. A cookie other than 0 wants the return too. */
SEC("uprobe")
int heap_calibrate(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);
	__u32 number = WIRE_HEAP_CALIBRATION;
	struct wire_heap_probe *probe = bpf_map_lookup_elem(&heap_probes, &number);
	__u32 thread = (__u32)bpf_get_current_pid_tgid();
	__u32 zero = 0;
	__u64 *gap = bpf_map_lookup_elem(&heap_gap, &zero);

	if (!probe || !gap || is_nested(thread, ctx->rsp))
		return 1;
	probe->hits += *gap > ctx->rdi;
	return cookie ? 0 : 1;
}
