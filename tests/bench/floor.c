// SPDX-License-Identifier: Apache-2.0
/* What any profiler by uprobes has to pay: an empty program on the given places of a file, in one
 * process, until killed: floor PID FILE OFFSET... */
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "floor.skel.h"

/* enum bpf_attach_type in the kernel's include/uapi/linux/bpf.h since 6.6 and 6.13 */
#define ATTACH_UPROBE_MULTI   48
#define ATTACH_UPROBE_SESSION 57

#define PLACES_MAX            16

struct places {
	pid_t pid;
	const char *path;
	__u64 offsets[PLACES_MAX];
	__u32 count;
};

/* The part of union bpf_attr that BPF_LINK_CREATE reads for uprobes (same file). */
struct link_create_uprobes {
	__u32 prog_fd, target_fd, attach_type, flags;
	__u64 path, offsets, ref_ctr_offsets, cookies;
	__u32 count, uprobe_flags, pid, reserved;
};

static int link_create(int prog_fd, int attach_type, const struct places *places)
{
	struct link_create_uprobes attr = {
		.prog_fd = prog_fd,
		.attach_type = attach_type,
		.path = (uintptr_t)places->path,
		.offsets = (uintptr_t)places->offsets,
		.count = places->count,
		.pid = places->pid,
	};

	return syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
}

static int attach(int attach_type, const struct places *places)
{
	struct floor_bpf *skel = floor_bpf__open();

	int err;

	if (!skel)
		return -errno;
	bpf_program__set_expected_attach_type(skel->progs.floor_probe, attach_type);
	if (!floor_bpf__load(skel) &&
	    link_create(bpf_program__fd(skel->progs.floor_probe), attach_type, places) >= 0)
		return 0;
	err = -errno;
	floor_bpf__destroy(skel);
	return err;
}

int main(int argc, char **argv)
{
	struct places places = {0};
	int err;

	if (argc < 4 || argc > 3 + PLACES_MAX) {
		fprintf(stderr, "usage: floor PID FILE OFFSET...\n");
		return 2;
	}
	places.pid = atoi(argv[1]);
	places.path = argv[2];
	for (int i = 3; i < argc; i++)
		places.offsets[places.count++] = strtoull(argv[i], NULL, 0);
	err = attach(ATTACH_UPROBE_SESSION, &places);
	if (err)
		err = attach(ATTACH_UPROBE_MULTI, &places);
	if (err) {
		fprintf(stderr, "floor: cannot attach: %s (needs root, and Linux 6.6)\n",
			strerror(-err));
		return 1;
	}
	printf("attached\n");
	fflush(stdout);
	for (;;)
		pause();
}
