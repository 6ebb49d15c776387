// SPDX-License-Identifier: Apache-2.0
#include "serve/process_metrics.h"

#include <dirent.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/resident.h"
#include "serve/exposition.h"
#include "target/proc.h"

struct process_metrics {
	DIR *descriptors; /* NULL: unknown */
	int statm_fd;     /* -1: unknown */
	double started;   /* seconds since the epoch; 0: unknown */
};

static double seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* The kernel tells it in hundredths, since the machine started. */
static double find_start(void)
{
	struct proc_stat stat;
	double started;

	if (proc__stat(getpid(), &stat))
		return 0;
	started = seconds(CLOCK_REALTIME) - seconds(CLOCK_BOOTTIME) +
		  (double)stat.start_ticks / sysconf(_SC_CLK_TCK);
	return round(started * 100) / 100;
}

struct process_metrics *process_metrics__new(void)
{
	struct process_metrics *metrics = calloc(1, sizeof(*metrics));

	if (!metrics)
		return NULL;
	metrics->descriptors = opendir("/proc/self/fd");
	metrics->statm_fd = resident__open();
	metrics->started = find_start();
	return metrics;
}

void process_metrics__free(struct process_metrics *metrics)
{
	if (!metrics)
		return;
	if (metrics->descriptors)
		closedir(metrics->descriptors);
	if (metrics->statm_fd >= 0)
		close(metrics->statm_fd);
	free(metrics);
}

static void write_start(const struct process_metrics *metrics, FILE *out)
{
	if (metrics->started)
		exposition__only_number(out, "process_start_time_seconds", "gauge",
					"Start time of the process since unix epoch in seconds.",
					metrics->started);
}

static void write_open_fds(const struct process_metrics *metrics, FILE *out)
{
	uint64_t count = 0;

	if (!metrics->descriptors)
		return;
	rewinddir(metrics->descriptors);
	while (readdir(metrics->descriptors))
		count++;
	/* Less "." and "..". */
	exposition__only_integer(out, "process_open_fds", "gauge",
				 "Number of open file descriptors.", count - 2);
}

static void write_max_fds(FILE *out)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	exposition__only_integer(out, "process_max_fds", "gauge",
				 "Maximum number of open file descriptors.", limit.rlim_cur);
}

size_t process_metrics__resident_bytes(const struct process_metrics *metrics)
{
	return resident__read(metrics->statm_fd);
}

void process_metrics__write(const struct process_metrics *metrics, FILE *out)
{
	exposition__only_number(out, "process_cpu_seconds_total", "counter",
				"Total user and system CPU time spent in seconds.",
				seconds(CLOCK_PROCESS_CPUTIME_ID));
	exposition__only_integer(out, "process_resident_memory_bytes", "gauge",
				 "Resident memory size in bytes.",
				 process_metrics__resident_bytes(metrics));
	write_open_fds(metrics, out);
	write_max_fds(out);
	write_start(metrics, out);
}
