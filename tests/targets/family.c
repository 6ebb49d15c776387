/* SPDX-License-Identifier: Apache-2.0 */
/* A family of processes, each of which burns CPU time in a function of its own and, when it begins,
 * allocates ALLOCATIONS blocks from a site of its own. There are, when it says "eldest PID" and
 * "ready":
 *   burn_parent	the process itself, and in it the thread "a-worker" in burn_worker
 *   burn_eldest	a child
 * On a byte on stdin there come, and it says "forked PID", "executed PID", "grown":
 *   burn_forked	a child
 *   burn_executed	a child that executes this program
 *   burn_brief		children that live for some 50 ms, one after the other
 * All end with stdin. */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ALLOCATIONS 100
#define BYTES       1000
#define BRIEF_MS    50
#define BRIEF_STEPS 5
#define APART       __attribute__((noipa))

static volatile unsigned long counter;
static const char *self;

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* Until the parent ends, or the time is over. */
#define MEMBER(name)                                          \
	APART static void site_##name(void)                   \
	{                                                     \
		for (int i = 0; i < ALLOCATIONS; i++) {       \
			void *volatile block = malloc(BYTES); \
			(void)block;                          \
		}                                             \
	}                                                     \
	APART static void burn_##name(long long ms)           \
	{                                                     \
		long long end = now_ms() + ms;                \
		while (now_ms() < end)                        \
			for (int i = 0; i < 1000000; i++)     \
				counter++;                    \
	}

MEMBER(parent)
MEMBER(worker)
MEMBER(eldest)
MEMBER(forked)
MEMBER(executed)
MEMBER(brief)

#define FOREVER_MS 3600000

static pid_t bear(void (*site)(void), void (*burn)(long long ms))
{
	pid_t child = fork();

	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	site();
	burn(FOREVER_MS);
	_exit(0);
}

static pid_t bear_and_execute(void)
{
	pid_t child = fork();

	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execl(self, "family", "executed", NULL);
	_exit(127);
}

/* Allocates all its life: who follows it from outside is some milliseconds late. */
static pid_t bear_brief(void)
{
	pid_t child = fork();

	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < BRIEF_STEPS; i++) {
		site_brief();
		burn_brief(BRIEF_MS / BRIEF_STEPS);
	}
	_exit(0);
}

static void *work(void *unused)
{
	pthread_setname_np(pthread_self(), "a-worker");
	site_worker();
	burn_worker(FOREVER_MS);
	return unused;
}

/* Burns a little at a time, to see the end of stdin, and has a brief child beside it. */
static void live(void)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};

	while (!poll(&in, 1, 0)) {
		pid_t brief = bear_brief();

		burn_parent(BRIEF_MS);
		waitpid(brief, NULL, 0);
	}
}

int main(int argc, char **argv)
{
	pthread_t worker;
	pid_t eldest;
	char byte;

	self = argv[0];
	if (argc > 1) {
		site_executed();
		burn_executed(FOREVER_MS);
		return 0;
	}
	eldest = bear(site_eldest, burn_eldest);
	pthread_create(&worker, NULL, work, NULL);
	site_parent();
	printf("eldest %d\nready\n", eldest);
	fflush(stdout);
	if (read(STDIN_FILENO, &byte, 1) != 1)
		return 1;
	printf("forked %d\n", bear(site_forked, burn_forked));
	printf("executed %d\ngrown\n", bear_and_execute());
	fflush(stdout);
	live();
	return 0;
}
