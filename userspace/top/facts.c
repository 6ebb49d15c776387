// SPDX-License-Identifier: Apache-2.0
#include "top/facts.h"

#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "target/proc.h"

/* Less would be mostly the clocks' own steps. */
#define SHARE_NS 200000000

static void look_at_cpu(struct facts *facts, int64_t cpu)
{
	int64_t now_ns = clock__monotonic_ns();

	if (cpu < 0 || (facts->looked_ns && now_ns - facts->looked_ns < SHARE_NS))
		return;
	facts->cpu_share = -1;
	/* Less than before: the process executes another program. */
	if (facts->looked_ns && cpu >= facts->cpu_ns)
		facts->cpu_share = (double)(cpu - facts->cpu_ns) / (now_ns - facts->looked_ns);
	facts->looked_ns = now_ns;
	facts->cpu_ns = cpu;
}

static int64_t age_s(const struct proc_stat *stat)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec - (int64_t)(stat->start_ticks / sysconf(_SC_CLK_TCK));
}

void facts__look(struct facts *facts, const struct process *process)
{
	pid_t pid = process__pid(process);
	struct proc_stat stat;
	int err = proc__stat(pid, &stat);
	int64_t cpu = process__cpu_ns(process);

	if (!facts->pid)
		facts->cpu_share = -1;
	facts->pid = pid;
	process__comm(process, facts->comm);
	/* Asked last: if it lives now, all of the above was its own. */
	facts->is_alive = process__is_alive(process);
	if (err || !facts->is_alive)
		return;
	facts->age_s = age_s(&stat);
	facts->threads = stat.threads;
	look_at_cpu(facts, cpu);
}
