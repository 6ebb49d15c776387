// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The life of the processes that are followed: what they execute, what they fork, their end. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "maps.bpf.h"

char LICENSE[] SEC("license") __weak = "Dual BSD/GPL";

/* The last number given; user space takes some too. */
volatile __u32 last_era = 0;

/* include/linux/sched.h; CO-RE finds the offsets. */
struct signal_struct {
	struct {
		int counter;
	} live; /* threads that have not exited */
} __attribute__((preserve_access_index));

struct task_struct {
	int pid, tgid;
	struct signal_struct *signal;
} __attribute__((preserve_access_index));

/* The number of a new era that comes from `parent`; 0 where there is no room. */
static __always_inline __u32 begin_era(__u32 tgid, __u32 parent, enum wire_era_origin origin)
{
	__u32 number = __sync_fetch_and_add(&last_era, 1) + 1;
	struct wire_era era = {.tgid = tgid, .parent = parent, .origin = origin};
	struct wire_era *from = bpf_map_lookup_elem(&eras, &parent);

	/* A fork has its parent's memory. */
	if (from && origin == WIRE_ERA_FORK) {
		era.first_mapping = from->first_mapping;
		era.mapping_count = from->mapping_count;
	}
	if (!bpf_map_update_elem(&eras, &number, &era, BPF_NOEXIST))
		return number;
	count(WIRE_ERA_LOST);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int process_exec(__u64 *ctx)
{
	/* (task, old_pid, bprm), include/trace/events/sched.h */
	__u32 tgid = this_tgid(), old_pid = ctx[1];
	struct wire_process *process = bpf_map_lookup_elem(&processes, &tgid);

	if (!process)
		return 0;
	process->era = begin_era(tgid, process->era,
				 old_pid == tgid ? WIRE_ERA_EXEC : WIRE_ERA_EXEC_BY_THREAD);
	tell_news(WIRE_NEWS_LIFE);
	return 0;
}

/* A child that is a process of its own, before it runs for the first time. */
SEC("tp_btf/sched_process_fork")
int process_fork(__u64 *ctx)
{
	struct task_struct *child = (void *)ctx[1]; /* (parent, child) */
	struct wire_process process = {.follows_children = 1};
	__u32 parent_tgid = this_tgid(), tgid = child->tgid;
	struct wire_process *parent = bpf_map_lookup_elem(&processes, &parent_tgid);

	if (!parent || !parent->follows_children || child->pid != child->tgid)
		return 0;
	process.era = begin_era(tgid, parent->era, WIRE_ERA_FORK);
	if (!process.era)
		return 0;
	if (bpf_map_update_elem(&processes, &tgid, &process, BPF_ANY)) {
		bpf_map_delete_elem(&eras, &process.era);
		count(WIRE_ERA_LOST);
		return 0;
	}
	tell_news(WIRE_NEWS_LIFE);
	return 0;
}

/* With its last thread: from here on its pid may become another's. */
SEC("tp_btf/sched_process_exit")
int process_exit(__u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0]; /* (task, ...) */
	__u32 tgid = this_tgid();

	if (task->signal->live.counter > 0 || bpf_map_delete_elem(&processes, &tgid))
		return 0;
	tell_news(WIRE_NEWS_LIFE);
	return 0;
}
