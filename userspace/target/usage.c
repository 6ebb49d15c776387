// SPDX-License-Identifier: Apache-2.0
#include "target/usage.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "target/proc.h"

/* The kernel tells it since the machine started. */
static int64_t start_ms(const struct proc_stat *stat)
{
	int64_t since_boot_ms = stat->start_ticks * 1000 / sysconf(_SC_CLK_TCK);
	struct timespec up;

	clock_gettime(CLOCK_BOOTTIME, &up);
	return clock__realtime_ns() / 1000000 - (up.tv_sec * 1000 + up.tv_nsec / 1000000) +
	       since_boot_ms;
}

void usage__begin(struct usage_meter *meter, const struct process *process)
{
	struct proc_stat stat;

	*meter = (struct usage_meter){.cpu_ns = process__cpu_ns(process)};
	if (!proc__stat(process__pid(process), &stat))
		meter->started_ms = start_ms(&stat);
}

int usage__look(struct usage_meter *meter, const struct process *process, struct usage *usage)
{
	int64_t before_ns = meter->cpu_ns, cpu_ns = process__cpu_ns(process);
	struct proc_stat stat;
	int err = proc__stat(process__pid(process), &stat);

	/* Whoever fails to see this much of it does not count it into the time after. */
	meter->cpu_ns = -1;
	if (err)
		return err;
	/* Asked last: if it lives now, all of the above was its own. */
	if (!process__is_alive(process))
		return -ESRCH;
	*usage = (struct usage){
		.cpu_ns = cpu_ns < 0 || before_ns < 0 ? -1 : cpu_ns - before_ns,
		.rss_bytes = stat.rss_pages * getpagesize(),
		.threads = stat.threads,
	};
	meter->cpu_ns = cpu_ns;
	return 0;
}
