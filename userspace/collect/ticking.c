// SPDX-License-Identifier: Apache-2.0
#include "collect/ticking.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/array.h"

void ticking__prepare(const struct bpf_program *program)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_DUMMY,
	};
	int fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	struct bpf_link *link = fd < 0 ? NULL : bpf_program__attach_perf_event(program, fd);

	if (link)
		bpf_link__destroy(link);
	else if (fd >= 0)
		close(fd);
}

/* Opens the event on one CPU and ties the program to it. 0, 1 for a CPU that is offline, -errno. */
static int tick_on(struct ticking *ticking, const struct bpf_program *program, uint64_t cookie,
		   const struct perf_event_attr *attr, int cpu)
{
	LIBBPF_OPTS(bpf_perf_event_opts, opts, .bpf_cookie = cookie);
	int fd = syscall(SYS_perf_event_open, attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	struct bpf_link *link;
	int err;

	if (fd < 0)
		return errno == ENODEV ? 1 : -errno;
	link = bpf_program__attach_perf_event_opts(program, fd, &opts);
	if (!link) {
		err = -errno;
		close(fd);
		return err;
	}
	err = array_append(&ticking->links, &ticking->count, &ticking->capacity, link);
	if (err)
		bpf_link__destroy(link);
	return err;
}

int ticking__start(struct ticking *ticking, const struct bpf_program *program, uint64_t cookie,
		   const struct perf_event_attr *attr)
{
	int cpus = libbpf_num_possible_cpus();
	int err = 0;

	for (int cpu = 0; cpu < cpus && err >= 0; cpu++)
		err = tick_on(ticking, program, cookie, attr, cpu);
	if (err >= 0 && !ticking->count)
		err = -ENODEV;
	if (err < 0)
		ticking__stop(ticking);
	return err < 0 ? err : 0;
}

void ticking__stop(struct ticking *ticking)
{
	for (size_t i = 0; i < ticking->count; i++)
		bpf_link__destroy(ticking->links[i]);
	free(ticking->links);
	*ticking = (struct ticking){};
}
