/* SPDX-License-Identifier: Apache-2.0 */
/* Does nothing but switch between threads: on each CPU a pair of them that send each other a byte
 * through pipes, ten calls deep. Each second it prints how many switches there were and how much
 * CPU time went by: "SWITCHES CPU_NS WALL_NS". Usage: switches */
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define APART __attribute__((noipa))

/* Of a pair each reads from one and writes to the other. */
struct end {
	int in, out, cpu;
};

APART static int pass(struct end *end, int depth)
{
	char byte = 0;

	if (depth)
		return pass(end, depth - 1) + 1;
	if (write(end->out, &byte, 1) != 1 || read(end->in, &byte, 1) != 1)
		exit(1);
	return 0;
}

static void *run(void *of)
{
	struct end *end = of;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(end->cpu, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	for (;;)
		pass(end, 8);
	return NULL;
}

static void start_pair(int cpu)
{
	struct end *ends = calloc(2, sizeof(*ends));
	int there[2], back[2];
	pthread_t id;

	if (!ends || pipe(there) || pipe(back))
		exit(1);
	ends[0] = (struct end){.in = back[0], .out = there[1], .cpu = cpu};
	ends[1] = (struct end){.in = there[0], .out = back[1], .cpu = cpu};
	pthread_create(&id, NULL, run, &ends[0]);
	pthread_create(&id, NULL, run, &ends[1]);
}

static uint64_t read_clock(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

int main(void)
{
	uint64_t switches = 0, cpu_ns = 0, wall_ns = 0;

	for (int cpu = 0; cpu < sysconf(_SC_NPROCESSORS_ONLN); cpu++)
		start_pair(cpu);
	for (;;) {
		uint64_t cpu = read_clock(CLOCK_PROCESS_CPUTIME_ID);
		uint64_t wall = read_clock(CLOCK_MONOTONIC);
		struct rusage usage;

		getrusage(RUSAGE_SELF, &usage);
		printf("%llu %llu %llu\n",
		       (unsigned long long)(usage.ru_nvcsw + usage.ru_nivcsw - switches),
		       (unsigned long long)(cpu - cpu_ns), (unsigned long long)(wall - wall_ns));
		fflush(stdout);
		switches = usage.ru_nvcsw + usage.ru_nivcsw;
		cpu_ns = cpu;
		wall_ns = wall;
		sleep(1);
	}
}
