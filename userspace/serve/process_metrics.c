// SPDX-License-Identifier: Apache-2.0
#include "serve/process_metrics.h"

#include <dirent.h>
#include <math.h>
#include <stdint.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/resident.h"
#include "serve/exposition.h"
#include "target/proc.h"

static double seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* The kernel tells it in hundredths, since the machine started. */
static void write_start(FILE *out)
{
	struct proc_stat stat;
	double started;

	if (proc__stat(getpid(), &stat))
		return;
	started = seconds(CLOCK_REALTIME) - seconds(CLOCK_BOOTTIME) +
		  (double)stat.start_ticks / sysconf(_SC_CLK_TCK);
	exposition__only_number(out, "process_start_time_seconds", "gauge",
				"Start time of the process since unix epoch in seconds.",
				round(started * 100) / 100);
}

static void write_open_fds(FILE *out)
{
	DIR *dir = opendir("/proc/self/fd");
	uint64_t count = 0;

	if (!dir)
		return;
	while (readdir(dir))
		count++;
	closedir(dir);
	/* Less "." and "..", and the one that the folder is read by. */
	exposition__only_integer(out, "process_open_fds", "gauge",
				 "Number of open file descriptors.", count - 3);
}

static void write_max_fds(FILE *out)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	exposition__only_integer(out, "process_max_fds", "gauge",
				 "Maximum number of open file descriptors.", limit.rlim_cur);
}

void process_metrics__write(FILE *out)
{
	exposition__only_number(out, "process_cpu_seconds_total", "counter",
				"Total user and system CPU time spent in seconds.",
				seconds(CLOCK_PROCESS_CPUTIME_ID));
	exposition__only_integer(out, "process_resident_memory_bytes", "gauge",
				 "Resident memory size in bytes.", resident__bytes());
	write_open_fds(out);
	write_max_fds(out);
	write_start(out);
}
