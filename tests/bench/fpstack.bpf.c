// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What exoprof's walk is measured against: the kernel's own walk by frame pointers. */
#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 target_tgid = 0;

struct frames {
	__u64 pcs[127];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct frames);
} frames SEC(".maps");

__u64 samples = 0;
__u64 depths = 0;

SEC("perf_event")
int fpstack_tick(struct bpf_perf_event_data *ctx)
{
	__u32 zero = 0;
	struct frames *room = bpf_map_lookup_elem(&frames, &zero);
	long bytes;

	if (!room || bpf_get_current_pid_tgid() >> 32 != target_tgid)
		return 0;
	bytes = bpf_get_stack(ctx, room, sizeof(*room), BPF_F_USER_STACK);
	if (bytes > 0)
		__sync_fetch_and_add(&depths, bytes / 8);
	__sync_fetch_and_add(&samples, 1);
	return 0;
}
