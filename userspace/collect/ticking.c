// SPDX-License-Identifier: Apache-2.0
#include "collect/ticking.h"

#include <errno.h>

#include "collect/perf_link.h"

/* Opens the event on one CPU and ties the program to it. 0, 1 for a CPU that is offline, -errno. */
static int tick_on(struct ticking *ticking, const struct bpf_program *program, uint64_t cookie,
		   const struct perf_event_attr *attr, int cpu)
{
	int link = perf_link__open(program, attr, -1, cpu, cookie);

	return link == -ENODEV ? 1 : kept_links__add(&ticking->links, link);
}

int ticking__start(struct ticking *ticking, const struct bpf_program *program, uint64_t cookie,
		   const struct perf_event_attr *attr)
{
	int cpus = libbpf_num_possible_cpus();
	int err = 0;

	for (int cpu = 0; cpu < cpus && err >= 0; cpu++)
		err = tick_on(ticking, program, cookie, attr, cpu);
	if (err >= 0 && !ticking->links.count)
		err = -ENODEV;
	if (err < 0)
		ticking__stop(ticking);
	return err < 0 ? err : 0;
}

void ticking__stop(struct ticking *ticking)
{
	kept_links__drop(&ticking->links);
}
