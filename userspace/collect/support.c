// SPDX-License-Identifier: Apache-2.0
#include "collect/support.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "collect/collector.h"
#include "collect/uprobe.h"

int support__programs(void)
{
	/* All of them: what is off is not loaded. */
	struct collector_options options = {
		.frequency = 1,
		.heap_rate = 524288,
		.offcpu = {.enabled = true, .min_ns = 1000, .rate_ns = 1000000},
	};
	struct collector *collector = collector__open(&options);

	if (!collector)
		return -errno;
	collector__close(collector);
	return 0;
}

static int try_event(struct perf_event_attr *attr, pid_t pid, int cpu)
{
	int fd;

	attr->size = sizeof(*attr);
	attr->disabled = 1;
	fd = syscall(SYS_perf_event_open, attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

int support__cycles(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.config = PERF_COUNT_HW_CPU_CYCLES,
		.sample_freq = 99,
		.freq = 1,
	};

	return try_event(&attr, -1, 0);
}

int support__cpu_clock(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_freq = 99,
		.freq = 1,
	};

	return try_event(&attr, -1, 0);
}

int support__perf_uprobe(void)
{
	struct perf_event_attr attr = {.config1 = (uintptr_t) "/proc/self/exe"};
	FILE *in = fopen("/sys/bus/event_source/devices/uprobe/type", "re");
	int got;

	if (!in)
		return -errno;
	got = fscanf(in, "%u", &attr.type);
	fclose(in);
	/* Any offset in the file's first page will do: it is never reached. */
	return got == 1 ? try_event(&attr, getpid(), -1) : -EBADMSG;
}

bool support__session_uprobes(void)
{
	return uprobe__has_sessions();
}
