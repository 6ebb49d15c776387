/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The page that the kernel maps for uprobes ([uprobes]). In its first slot is the trampoline: a
 * function whose return is probed, by us or by anybody, has its address where the return address
 * was. In the others are copies of probed instructions that are being single-stepped. The kernel
 * keeps what was there really with the thread. */
#ifndef EXOPROF_TRAMPOLINE_BPF_H
#define EXOPROF_TRAMPOLINE_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "maps.bpf.h"

/* include/linux/uprobes.h; CO-RE finds the offsets. */
struct return_instance {
	unsigned long orig_ret_vaddr;
	unsigned long stack; /* where the return address was */
	struct return_instance *next;
} __attribute__((preserve_access_index));

struct uprobe_task {
	struct return_instance *return_instances;
	unsigned long vaddr;     /* of the probed instruction that is being stepped */
	unsigned long xol_vaddr; /* and of its copy */
} __attribute__((preserve_access_index));

struct xol_area {
	unsigned long vaddr; /* of the page */
} __attribute__((preserve_access_index));

struct uprobes_state {
	struct xol_area *xol_area;
} __attribute__((preserve_access_index));

struct mm_struct {
	struct uprobes_state uprobes_state;
} __attribute__((preserve_access_index));

struct task_struct {
	struct mm_struct *mm;
	struct uprobe_task *utask;
} __attribute__((preserve_access_index));

/* arch/x86/include/asm/uprobes.h */
#define UPROBE_XOL_SLOT_BYTES 128

/* The kernel allows 64 nested ones (MAX_URETPROBE_DEPTH). */
#define RETURN_INSTANCES      64

/* The return address that was at `sp`; 0 where the kernel has none for it. */
static __always_inline __u64 hidden_return(const struct walk *walk, __u64 sp)
{
	struct task_struct *task = (void *)walk->task;
	struct return_instance *instance = BPF_CORE_READ(task, utask, return_instances);

	for (int i = 0; i < RETURN_INSTANCES && instance; i++) {
		if (BPF_CORE_READ(instance, stack) == sp)
			return BPF_CORE_READ(instance, orig_ret_vaddr);
		instance = BPF_CORE_READ(instance, next);
	}
	return 0;
}

#define PAGE_BYTES 4096

/* Where the page is in a thread's process; 0 while there is none. */
static __always_inline __u64 find_trampoline(struct task_struct *task)
{
	/* Plain loads, of which the kernel checks the types, and which give 0 where they fault:
	 * every walk comes here, and four calls of bpf_probe_read_kernel() cost it a tenth. */
	return task->mm->uprobes_state.xol_area->vaddr;
}

static __always_inline bool is_trampoline(const struct walk *walk, __u64 pc)
{
	return walk->trampoline && pc - walk->trampoline < PAGE_BYTES;
}

/* A walk that begins on the page goes on where the thread would be without the probe. */
static __always_inline void leave_trampoline(struct walk *walk)
{
	struct task_struct *task = (void *)walk->task;
	struct return_instance *last = BPF_CORE_READ(task, utask, return_instances);

	if (walk->pc - walk->trampoline >= UPROBE_XOL_SLOT_BYTES) {
		walk->pc +=
			BPF_CORE_READ(task, utask, vaddr) - BPF_CORE_READ(task, utask, xol_vaddr);
	} else if (last) {
		walk->pc = BPF_CORE_READ(last, orig_ret_vaddr);
		walk->sp = BPF_CORE_READ(last, stack) + 8;
	}
}

#endif
