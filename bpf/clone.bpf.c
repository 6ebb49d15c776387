// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Threads that are created, by the stack that does so. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "start.bpf.h"
#include "wait.bpf.h"
#include "kept.bpf.h"

char LICENSE[] SEC("license") __weak = "Dual BSD/GPL";

#define CLONE_COUNTS 4096

/* Set before load: threads get a place for when they leave the CPU. */
const volatile __u32 offcpu_is_followed = 0;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CLONE_COUNTS);
	__type(key, struct wire_clone_key);
	__type(value, __u64);
} clone_counts SEC(".maps");

struct task_struct___clone {
	int pid, tgid;
} __attribute__((preserve_access_index));

static __always_inline __u64 cloning_stack(__u32 era, enum wire_counter *outcome)
{
	struct scratch *scratch = scratch_take();
	__u64 stack;

	if (!scratch) {
		*outcome = WIRE_CLONE_STACK_BUSY;
		return WIRE_STACK_LOST;
	}
	stack_start(scratch, era);
	stack_add_caller(scratch);
	stack = stack_intern(&kept_stacks, WIRE_FILL_KEPT_STACKS, scratch, WIRE_SOURCE_CLONE);
	scratch_give_back(scratch);
	*outcome = stack == WIRE_STACK_LOST ? WIRE_CLONE_STACK_FULL : WIRE_CLONE_COUNTED;
	return stack;
}

SEC("tp_btf/sched_process_fork")
int clone_thread(__u64 *ctx)
{
	struct task_struct___clone *child = (void *)ctx[1]; /* (parent, child) */
	struct wire_clone_key key = {.era = this_era()};
	enum wire_counter outcome;
	__u64 zero = 0, *count_of;

	if (!key.era)
		return 0;
	if (offcpu_is_followed)
		bpf_task_storage_get(&offcpu_off, (void *)child, NULL,
				     BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (child->pid == child->tgid || !is_begun(key.era))
		return 0;
	key.stack = cloning_stack(key.era, &outcome);
	bpf_get_current_comm(key.comm, sizeof(key.comm));
	count_of = find_or_add(&clone_counts, WIRE_FILL_CLONE_COUNTS, &key, &zero);
	if (!count_of) {
		count(WIRE_CLONE_LOST);
		return 0;
	}
	__sync_fetch_and_add(count_of, 1);
	count(outcome);
	return 0;
}
