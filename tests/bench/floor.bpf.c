// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The least that a probe can do. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* To a session probe: the return is of no interest. To any other it means nothing. */
SEC("uprobe")
int floor_probe(void *ctx)
{
	(void)ctx;
	return 1;
}
