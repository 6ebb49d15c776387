/* SPDX-License-Identifier: Apache-2.0 */
/* Two hundred threads that stay where they are, for scripts/compare-stacks --threads: some asleep
 * in a dozen system calls and ways, below recursions of different depth, some in a signal handler,
 * below a callback of qsort, or with more of a stack below them than is copied at once; four
 * compute. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "chain.h"

#define THREADS 200

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER, given = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t too_few;
static pthread_t first;
static sem_t semaphore;
static int pipe_fds[2], sockets[2], epoll_fd;

APART static void sleeps(void)
{
	struct timespec pause = {.tv_sec = 1000};

	nanosleep(&pause, NULL);
	STAY();
}

APART static void reads(void)
{
	char byte;

	if (read(pipe_fds[0], &byte, 1) != 1)
		exit(1);
	STAY();
}

APART static void receives(void)
{
	char byte;

	if (read(sockets[0], &byte, 1) != 1)
		exit(1);
	STAY();
}

APART static void polls(void)
{
	struct pollfd fd = {.fd = pipe_fds[0], .events = POLLIN};

	poll(&fd, 1, -1);
	STAY();
}

APART static void selects(void)
{
	fd_set fds;

	FD_ZERO(&fds);
	FD_SET(pipe_fds[0], &fds);
	select(pipe_fds[0] + 1, &fds, NULL, NULL, NULL);
	STAY();
}

APART static void waits_for_events(void)
{
	struct epoll_event event;

	epoll_wait(epoll_fd, &event, 1, -1);
	STAY();
}

APART static void locks(void)
{
	pthread_mutex_lock(&held);
	STAY();
}

APART static void writes_locked(void)
{
	pthread_rwlock_wrlock(&rwlock);
	STAY();
}

APART static void waits(void)
{
	pthread_mutex_lock(&given);
	pthread_cond_wait(&never, &given);
	STAY();
}

APART static void waits_for_semaphore(void)
{
	sem_wait(&semaphore);
	STAY();
}

APART static void waits_for_others(void)
{
	pthread_barrier_wait(&too_few);
	STAY();
}

APART static void joins(void)
{
	pthread_join(first, NULL);
	STAY();
}

static void on_signal(int signal)
{
	(void)signal;
	sleeps();
	STAY();
}

APART static void is_signalled(void)
{
	pthread_kill(pthread_self(), SIGUSR1);
	STAY();
}

static int compare(const void *left, const void *right)
{
	sleeps();
	return memcmp(left, right, sizeof(int));
}

APART static void sorts(void)
{
	int numbers[100] = {1};

	qsort(numbers, 100, sizeof(*numbers), compare);
	STAY();
}

static void (*const ways[])(void) = {
	sleeps,           reads, receives,      polls, selects,
	waits_for_events, locks, writes_locked, waits, waits_for_semaphore,
	waits_for_others, joins, is_signalled,  sorts,
};

#define WAYS (sizeof(ways) / sizeof(*ways))

struct thread {
	int number, depth;
	size_t frame_bytes;
};

/* Its frames are of different sizes. */
APART static void descend(const struct thread *thread, int depth)
{
	char local[thread->frame_bytes];

	__asm__ volatile("" : : "r"(local) : "memory");
	if (depth)
		descend(thread, depth - 1);
	else if (thread->number < 4)
		leaf();
	else
		ways[thread->number % WAYS]();
	__asm__ volatile("" : : "r"(local) : "memory");
}

static void *run(void *of)
{
	const struct thread *thread = of;

	descend(thread, thread->depth);
	STAY();
	return NULL;
}

static void prepare(void)
{
	if (pipe(pipe_fds) || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets))
		exit(1);
	epoll_fd = epoll_create1(0);
	first = pthread_self();
	signal(SIGUSR1, on_signal);
	pthread_mutex_lock(&held);
	pthread_rwlock_rdlock(&rwlock);
	pthread_barrier_init(&too_few, NULL, THREADS);
	sem_init(&semaphore, 0, 0);
}

int main(void)
{
	static struct thread threads[THREADS];
	pthread_t id;

	prepare();
	for (int i = 0; i < THREADS - 1; i++) {
		/* Every tenth has up to 160 KiB of stack. */
		threads[i] = (struct thread){
			.number = i,
			.depth = i % 41,
			.frame_bytes = i % 10 ? 64 + i : 4000,
		};
		if (pthread_create(&id, NULL, run, &threads[i]))
			return 1;
	}
	sleep(1);
	say_ready();
	sleeps();
	return 0;
}
