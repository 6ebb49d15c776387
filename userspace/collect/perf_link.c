// SPDX-License-Identifier: Apache-2.0
#include "collect/perf_link.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

int perf_link__open(const struct bpf_program *program, const struct perf_event_attr *attr,
		    pid_t pid, int cpu, uint64_t cookie)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .perf_event.bpf_cookie = cookie);
	int fd = syscall(SYS_perf_event_open, attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	int link;

	if (fd < 0)
		return -errno;
	link = bpf_link_create(bpf_program__fd(program), fd, BPF_PERF_EVENT, &opts);
	close(fd);
	return link;
}
