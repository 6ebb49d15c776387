// SPDX-License-Identifier: Apache-2.0
#include "collect/uprobe.h"

#include <bpf/btf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The part of union bpf_attr that BPF_LINK_CREATE reads for uprobes (same file, since 6.6). */
struct link_create_uprobes {
	uint32_t prog_fd;
	uint32_t target_fd;
	uint32_t attach_type;
	uint32_t flags;
	uint64_t path;
	uint64_t offsets;
	uint64_t ref_ctr_offsets;
	uint64_t cookies;
	uint32_t count;
	uint32_t uprobe_flags;
	uint32_t pid;
	uint32_t reserved;
};

bool uprobe__has_sessions(void)
{
	struct btf *kernel = btf__load_vmlinux_btf();
	bool found;

	if (!kernel)
		return false;
	found = btf__find_by_name_kind(kernel, "bpf_session_is_return", BTF_KIND_FUNC) > 0;
	btf__free(kernel);
	return found;
}

int uprobe__prepare(struct bpf_program *program, enum uprobe_kind kind)
{
	return bpf_program__set_expected_attach_type(program, (enum bpf_attach_type)kind);
}

int uprobe__attach(const struct bpf_program *program, enum uprobe_kind kind, pid_t pid,
		   const char *path, const uint64_t *offsets, const uint64_t *cookies, size_t count)
{
	struct link_create_uprobes attr = {
		.prog_fd = bpf_program__fd(program),
		.attach_type = kind,
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)offsets,
		.cookies = (uintptr_t)cookies,
		.count = count,
		.pid = pid,
	};
	int fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));

	return fd < 0 ? -errno : fd;
}
