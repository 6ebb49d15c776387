// SPDX-License-Identifier: Apache-2.0
#include "collect/ticking.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/array.h"

/* Opens the event on one CPU and ties the program to it. 0, 1 for a CPU that is offline, -errno. */
static int tick_on(struct ticking *ticking, const struct bpf_program *program, uint64_t cookie,
		   const struct perf_event_attr *attr, int cpu)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .perf_event.bpf_cookie = cookie);
	int fd = syscall(SYS_perf_event_open, attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	int link, err;

	if (fd < 0)
		return errno == ENODEV ? 1 : -errno;
	/* Which has the event from then on, and ends it. */
	link = bpf_link_create(bpf_program__fd(program), fd, BPF_PERF_EVENT, &opts);
	close(fd);
	if (link >= 0)
		link = link_keeper__keep(ticking->keeper, link);
	if (link < 0)
		return link;
	err = array_append(&ticking->links, &ticking->count, &ticking->capacity, link);
	if (err)
		link_keeper__drop(ticking->keeper, &link);
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
		link_keeper__drop(ticking->keeper, &ticking->links[i]);
	free(ticking->links);
	*ticking = (struct ticking){.keeper = ticking->keeper};
}
