/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Kernel and user stack of the current context -> the hash under which it is kept. */
#ifndef EXOPROF_STACK_BPF_H
#define EXOPROF_STACK_BPF_H

#include <linux/errno.h>

#include "maps.bpf.h"
#include "unwind.bpf.h"

/* A map of struct wire_chunk, one for each event source: a source whose stacks may be forgotten
 * must not share with one whose stacks may not. */
#define STACK_MAP(name, entries)                    \
	struct {                                    \
		__uint(type, BPF_MAP_TYPE_HASH);    \
		__uint(max_entries, entries);       \
		__type(key, struct wire_chunk_key); \
		__type(value, struct wire_chunk);   \
	} name __weak SEC(".maps")

/* A new program's mappings are not known at once. */
static __always_inline void find_mappings(struct walk *walk, __u32 number)
{
	struct wire_era *era = bpf_map_lookup_elem(&eras, &number);

	walk->mapping = 0;
	walk->first_mapping = era ? era->first_mapping : 0;
	walk->mapping_count = era ? era->mapping_count : 0;
}

/* Of a thread whose type the verifier knows. */
static __always_inline void stack_start_of(struct scratch *scratch, __u32 era,
					   struct task_struct *task)
{
	find_mappings(&scratch->walk, era);
	scratch->head = (struct wire_stack_head){.end = WIRE_END_NO_USER};
	scratch->depth = 0;
	scratch->walk.frame_pointers = 0;
	scratch->walk.window_start = NO_WINDOW;
	scratch->walk.is_copy = 0;
	scratch->walk.missing = 0;
	scratch->walk.task = (__u64)task;
	scratch->walk.trampoline = find_trampoline(task);
}

static __always_inline void stack_start(struct scratch *scratch, __u32 era)
{
	stack_start_of(scratch, era, bpf_get_current_task_btf());
}

static __always_inline void stack_take_kernel(struct scratch *scratch, long bytes)
{
	if (bytes <= 0)
		return;
	scratch->depth = bytes / sizeof(__u64);
	scratch->head.kernel_depth = scratch->depth;
}

static __always_inline void stack_add_kernel(struct scratch *scratch, void *ctx)
{
	stack_take_kernel(scratch, bpf_get_stack(ctx, &scratch->words[1],
						 WIRE_KERNEL_DEPTH * sizeof(__u64), 0));
}

/* Adds the frame that scratch->walk is at, and its callers. Where it has stopped for want of memory
 * it goes on from there. Global, as walk_step() is and for the same reason, and so is stack_hash():
 * what the verifier learns in a loop of hundreds of turns ends with the function. */
__weak __noinline int stack_add_user(struct scratch *scratch)
{
	int end = WALK_GOES_ON;
	bool is_there;

	if (!scratch)
		return 0;
	is_there = scratch->walk.missing;
	for (int i = 0; i < WIRE_USER_DEPTH && end == WALK_GOES_ON; i++) {
		__u64 exact = scratch->walk.exact ? WIRE_FRAME_EXACT : 0;

		if (!is_there && scratch->depth++ >= scratch->head.kernel_depth + WIRE_USER_DEPTH) {
			scratch->depth--;
			break;
		}
		is_there = false;
		scratch->walk.missing = 0;
		scratch->words[scratch->depth & (SCRATCH_WORDS - 1)] = scratch->walk.pc | exact;
		end = walk_step(&scratch->walk);
	}
	scratch->head.user_depth = scratch->depth - scratch->head.kernel_depth;
	scratch->head.end = end == WALK_GOES_ON ? WIRE_END_TOO_DEEP : end;
	return 0;
}

/* FNV-1a by words, with the high half folded in: the multiplication alone never moves a high bit
 * down (isthe.com/chongo/tech/comp/fnv). 64 bits: 100,000 stacks collide with p = 3e-10. */
static __always_inline __u64 stack_hash_step(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * 0x100000001b3ULL;
	return hash ^ hash >> 32;
}

__weak __noinline __u64 stack_hash(struct scratch *scratch)
{
	__u64 hash = 0xcbf29ce484222325ULL;

	if (!scratch)
		return hash;
	for (__u32 i = 0; i < SCRATCH_WORDS && i <= scratch->depth; i++)
		hash = stack_hash_step(hash, scratch->words[i]);
	return hash;
}

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WIRE_STACK_ENDS);
	__type(key, __u32);
	__type(value, __u64);
} stack_ends __weak SEC(".maps");

static __always_inline void count_end(enum wire_source source, __u32 end)
{
	__u32 key = WIRE_END_INDEX(source, end);
	__u64 *value = bpf_map_lookup_elem(&stack_ends, &key);

	if (value)
		__sync_fetch_and_add(value, 1);
}

/* Keeps the stack, whose walk has ended, in `map` once, and gives the hash it is under;
 * WIRE_STACK_LOST for a full map. */
static __always_inline __u64 stack_intern(void *map, enum wire_fill fill, struct scratch *scratch,
					  enum wire_source source)
{
	struct wire_chunk_key key = {.stack = stack_hash(scratch)};
	long added = 0, err = 0;

	count_end(source, scratch->head.end);
	if (bpf_map_lookup_elem(map, &key))
		return key.stack;
	for (__u32 i = WIRE_CHUNKS_MAX; i-- > 0 && !err;) {
		if (i * WIRE_CHUNK_WORDS > scratch->depth)
			continue;
		key.index = i;
		err = bpf_map_update_elem(map, &key, &scratch->words[i * WIRE_CHUNK_WORDS],
					  BPF_NOEXIST);
		added += !err;
		/* Another CPU was first, or there was no room for the rest of it, once. */
		if (err == -EEXIST)
			err = 0;
	}
	count_fill(fill, added);
	return err ? WIRE_STACK_LOST : key.stack;
}

#endif
