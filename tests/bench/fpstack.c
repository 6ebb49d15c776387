// SPDX-License-Identifier: Apache-2.0
/* Ticks at a process for some seconds and walks its stacks by bpf_get_stack(): fpstack PID HZ
 * SECONDS. Prints "samples depth-on-average". The kernel's statistics tell what it cost. */
#include <bpf/libbpf.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fpstack.skel.h"

static struct bpf_link *tick(struct fpstack_bpf *skel, int cpu, int hz)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_freq = hz,
		.freq = 1,
	};
	int fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? NULL : bpf_program__attach_perf_event(skel->progs.fpstack_tick, fd);
}

int main(int argc, char **argv)
{
	struct fpstack_bpf *skel = fpstack_bpf__open();
	int cpus = libbpf_num_possible_cpus();

	if (argc != 4 || !skel) {
		fprintf(stderr, "usage: fpstack PID HZ SECONDS\n");
		return 2;
	}
	skel->rodata->target_tgid = atoi(argv[1]);
	if (fpstack_bpf__load(skel)) {
		fprintf(stderr, "fpstack: cannot load (needs root)\n");
		return 1;
	}
	for (int cpu = 0; cpu < cpus; cpu++)
		tick(skel, cpu, atoi(argv[2]));
	sleep(atoi(argv[3]));
	printf("%llu %.1f\n", skel->bss->samples,
	       skel->bss->samples ? (double)skel->bss->depths / skel->bss->samples : 0);
	fflush(stdout);
	/* The caller reads the statistics while the program is still there. */
	getchar();
	fpstack_bpf__destroy(skel);
	return 0;
}
