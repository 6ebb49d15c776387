// SPDX-License-Identifier: Apache-2.0
#include "collect/uprobe.h"

#include <bpf/btf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "collect/perf_link.h"

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

/* Of the kernel's own enumeration: bpf_session_is_return() is older, from 6.10 on for kprobes. */
static bool has_attach_type(const struct btf *kernel, const char *name)
{
	int id = btf__find_by_name_kind(kernel, "bpf_attach_type", BTF_KIND_ENUM);
	const struct btf_type *type = id > 0 ? btf__type_by_id(kernel, id) : NULL;
	const struct btf_enum *values = type ? btf_enum(type) : NULL;

	for (uint32_t i = 0; type && i < btf_vlen(type); i++) {
		if (!strcmp(btf__name_by_offset(kernel, values[i].name_off), name))
			return true;
	}
	return false;
}

bool uprobe__has_sessions(void)
{
	struct btf *kernel = btf__load_vmlinux_btf();
	bool found;

	if (!kernel)
		return false;
	found = has_attach_type(kernel, "BPF_TRACE_UPROBE_SESSION");
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

/* The number of that kind of perf event, or -errno. */
static int event_type(void)
{
	FILE *file = fopen("/sys/bus/event_source/devices/uprobe/type", "re");
	int type;

	if (!file)
		return -errno;
	if (fscanf(file, "%d", &type) != 1)
		type = -EINVAL;
	fclose(file);
	return type;
}

int uprobe__attach_one(const struct bpf_program *program, bool is_return, pid_t pid,
		       const char *path, uint64_t offset, uint64_t cookie)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		/* format/retprobe, beside the type */
		.config = is_return,
		.uprobe_path = (uintptr_t)path,
		.probe_offset = offset,
	};
	int type = event_type();

	if (type < 0)
		return type;
	attr.type = type;
	return perf_link__open(program, &attr, pid, -1, cookie);
}
