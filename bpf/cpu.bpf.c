// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* CPU time: a perf event ticks on every CPU, and the ticks that find a process running that is
 * followed are added up by stack. Other ticks, by their cookie, only look who runs (threads.bpf.c):
 * one program for both, since the verifier takes its time for each walk. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "tick.bpf.h"

char LICENSE[] SEC("license") __weak = "Dual BSD/GPL";

#define CPU_COUNTS 65536

/* Set by user space while sampling runs. */
volatile __u64 cpu_epoch = 0;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CPU_COUNTS);
	__type(key, struct wire_cpu_key);
	__type(value, __u64);
} cpu_counts SEC(".maps");

/* Adds one to the count of this thread with this stack in this epoch. */
static __always_inline bool add_sample(__u64 stack, __u32 era)
{
	struct wire_cpu_key key = {
		.stack = stack,
		.epoch = cpu_epoch,
		.era = era,
		.tid = tid_if_wanted(),
	};
	__u64 one = 1;
	__u64 *samples;

	bpf_get_current_comm(key.comm, sizeof(key.comm));
	samples = bpf_map_lookup_elem(&cpu_counts, &key);
	if (!samples) {
		if (!bpf_map_update_elem(&cpu_counts, &key, &one, BPF_NOEXIST)) {
			count_fill(WIRE_FILL_CPU_COUNTS, 1);
			return true;
		}
		/* Another CPU may have been first. */
		samples = bpf_map_lookup_elem(&cpu_counts, &key);
		if (!samples)
			return false;
	}
	__sync_fetch_and_add(samples, 1);
	return true;
}

#define RUNNING_MAX 1024

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RUNNING_MAX);
	__type(key, __u32); /* thread */
	__type(value, struct wire_running);
} threads_running SEC(".maps");

static __always_inline bool is_met(__u32 tid)
{
	return bpf_map_lookup_elem(&threads_running, &tid);
}

static __always_inline void meet(__u32 tid, __u64 stack, __u32 era)
{
	struct wire_running running = {.stack = stack, .era = era};

	bpf_get_current_comm(running.comm, sizeof(running.comm));
	bpf_map_update_elem(&threads_running, &tid, &running, BPF_NOEXIST);
}

SEC("perf_event")
int cpu_tick(struct bpf_perf_event_data *ctx)
{
	bool is_look = bpf_get_attach_cookie(ctx) == WIRE_TICK_LOOKS;
	__u32 tid = bpf_get_current_pid_tgid();
	enum wire_counter outcome;
	__u32 era = this_era();
	__u64 stack;

	if (!era || (is_look && is_met(tid)))
		return 0;
	stack = tick_stack(ctx, era, is_look ? WIRE_SOURCE_THREAD : WIRE_SOURCE_CPU, &outcome);
	if (is_look)
		meet(tid, stack, era);
	else
		count(add_sample(stack, era) ? outcome : WIRE_CPU_LOST);
	return 0;
}
