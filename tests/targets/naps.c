/* SPDX-License-Identifier: Apache-2.0 */
/* Short waits by the hundred thousand, of threads that take naps of 0.2 to 2 ms (nap), or of pairs
 * of threads that send each other a byte through pipes (pipe). When told so on stdin each thread
 * does so TIMES times. Then it prints how often the kernel says that they waited, how long that
 * took by their own clocks, and how often they were preempted: "book nap 100000 112345678901 17";
 * and waits to be killed. Usage: naps nap|pipe THREADS TIMES */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define APART       __attribute__((noipa))
#define THREADS_MAX 128

static int times;

/* Of a pair each reads from one and writes to the other. */
static struct worker {
	pthread_t id;
	int in, out;
	unsigned int seed;
	uint64_t waits, preempted, ns;
} workers[THREADS_MAX];

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

APART static void site_nap(struct worker *worker)
{
	struct timespec pause = {.tv_nsec = 200000 + rand_r(&worker->seed) % 1800000};
	uint64_t start_ns = now_ns();

	nanosleep(&pause, NULL);
	worker->ns += now_ns() - start_ns;
}

APART static void site_pipe(struct worker *worker)
{
	uint64_t start_ns;
	char byte = 0;

	if (write(worker->out, &byte, 1) != 1)
		exit(1);
	start_ns = now_ns();
	if (read(worker->in, &byte, 1) != 1)
		exit(1);
	worker->ns += now_ns() - start_ns;
}

static void note_waits(struct worker *worker)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	worker->waits = usage.ru_nvcsw - worker->waits;
	worker->preempted = usage.ru_nivcsw - worker->preempted;
}

static void *nap(void *worker)
{
	note_waits(worker);
	for (int i = 0; i < times; i++)
		site_nap(worker);
	note_waits(worker);
	return NULL;
}

static void *pass(void *worker)
{
	note_waits(worker);
	for (int i = 0; i < times; i++)
		site_pipe(worker);
	note_waits(worker);
	return NULL;
}

static void connect_pair(struct worker *one, struct worker *other)
{
	int there[2], back[2];

	if (pipe(there) || pipe(back))
		exit(1);
	one->in = back[0];
	one->out = there[1];
	other->in = there[0];
	other->out = back[1];
}

int main(int argc, char **argv)
{
	int count = argc > 2 ? atoi(argv[2]) : 0;
	void *(*run)(void *);
	uint64_t waits = 0, preempted = 0, ns = 0;
	char go;

	if (argc != 4 || count < 2 || count > THREADS_MAX || count % 2)
		return 2;
	times = atoi(argv[3]);
	run = strcmp(argv[1], "pipe") ? nap : pass;
	for (int i = 0; i < count; i += 2)
		connect_pair(&workers[i], &workers[i + 1]);
	puts("ready");
	fflush(stdout);
	if (read(0, &go, 1) != 1)
		return 1;
	for (int i = 0; i < count; i++) {
		workers[i].seed = i;
		pthread_create(&workers[i].id, NULL, run, &workers[i]);
	}
	for (int i = 0; i < count; i++) {
		pthread_join(workers[i].id, NULL);
		waits += workers[i].waits;
		preempted += workers[i].preempted;
		ns += workers[i].ns;
	}
	printf("book %s %llu %llu %llu\nend\n", argv[1], (unsigned long long)waits,
	       (unsigned long long)ns, (unsigned long long)preempted);
	fflush(stdout);
	pause();
	return 0;
}
