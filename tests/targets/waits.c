/* SPDX-License-Identifier: Apache-2.0 */
/* Waits of known lengths, each in a thread and under a function of its own: sleep, a mutex and a
 * read/write lock that another thread holds, a condition, a read from a pipe, a poll. When told so
 * on stdin, each is done some hundred times. What is printed then is how often the kernel says that
 * the thread waited there (a lock may be free by then, or taken again before it is got), and the
 * time that the calls took, less what the kernel says that the thread had of the CPU meanwhile:
 * "book site_sleep 300 600123456". Then it waits to be killed.
 * Usage: waits [TIMES] */
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define APART __attribute__((noipa))

static int times = 200;

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static void pause_ms(double ms)
{
	struct timespec pause = {.tv_nsec = ms * 1e6};

	nanosleep(&pause, NULL);
}

/* Keeps the CPU busy, as far as others leave it. */
static void work_ms(double ms)
{
	uint64_t end_ns = now_ns() + ms * 1e6;

	while (now_ns() < end_ns)
		;
}

struct book {
	const char *site;
	uint64_t count, ns;
};

/* How often the thread has left the CPU to wait. */
static uint64_t waits_until_now(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nvcsw;
}

/* Around a call that waits. */
struct watch {
	uint64_t start_waits, start_off_ns;
};

/* The time that the thread was off the CPU, from some moment on. Setting a timer, waking from an
 * idle processor and being profiled take up to 0.2 ms of a 2 ms sleep on virtual machines: on the
 * CPU. */
static uint64_t off_cpu_ns(void)
{
	return now_ns() - clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static struct watch watch_start(void)
{
	uint64_t waits = waits_until_now();

	return (struct watch){.start_waits = waits, .start_off_ns = off_cpu_ns()};
}

static void note(struct book *book, struct watch watch)
{
	book->ns += off_cpu_ns() - watch.start_off_ns;
	book->count += waits_until_now() - watch.start_waits;
}

/* 2 of 5 ms asleep. */
APART static void site_sleep(struct book *book)
{
	struct watch watch = watch_start();

	pause_ms(2);
	note(book, watch);
}

/* What a waiting thread waits for, and when: the other one takes it first, lets it know, and keeps
 * it for some milliseconds. */
static struct pair {
	pthread_barrier_t taken, done;
	pthread_mutex_t mutex;
	pthread_rwlock_t rwlock;
	pthread_cond_t condition;
	int is_ready;
} mutex_pair, rwlock_pair, condition_pair;

APART static void site_mutex(struct book *book)
{
	struct watch watch = watch_start();

	pthread_mutex_lock(&mutex_pair.mutex);
	note(book, watch);
	pthread_mutex_unlock(&mutex_pair.mutex);
}

APART static void site_rwlock(struct book *book)
{
	struct watch watch = watch_start();

	pthread_rwlock_rdlock(&rwlock_pair.rwlock);
	note(book, watch);
	pthread_rwlock_unlock(&rwlock_pair.rwlock);
}

APART static void site_condition(struct book *book)
{
	struct watch watch;

	pthread_mutex_lock(&condition_pair.mutex);
	watch = watch_start();
	while (!condition_pair.is_ready)
		pthread_cond_wait(&condition_pair.condition, &condition_pair.mutex);
	note(book, watch);
	condition_pair.is_ready = 0;
	pthread_mutex_unlock(&condition_pair.mutex);
}

static int pipe_fds[2], poll_fds[2];

APART static void site_read(struct book *book)
{
	struct watch watch = watch_start();
	char byte;

	if (read(pipe_fds[0], &byte, 1) != 1)
		exit(1);
	note(book, watch);
}

APART static void site_poll(struct book *book)
{
	struct pollfd fd = {.fd = poll_fds[0], .events = POLLIN};
	struct watch watch = watch_start();
	char byte;

	poll(&fd, 1, -1);
	note(book, watch);
	if (read(poll_fds[0], &byte, 1) != 1)
		exit(1);
}

static void *sleeper(void *book)
{
	for (int i = 0; i < times; i++) {
		site_sleep(book);
		work_ms(3);
	}
	return NULL;
}

static void *mutex_waiter(void *book)
{
	for (int i = 0; i < times; i++) {
		pthread_barrier_wait(&mutex_pair.taken);
		site_mutex(book);
		pthread_barrier_wait(&mutex_pair.done);
	}
	return NULL;
}

static void *mutex_holder(void *unused)
{
	for (int i = 0; i < times; i++) {
		pthread_mutex_lock(&mutex_pair.mutex);
		pthread_barrier_wait(&mutex_pair.taken);
		pause_ms(4);
		pthread_mutex_unlock(&mutex_pair.mutex);
		pthread_barrier_wait(&mutex_pair.done);
	}
	return unused;
}

static void *rwlock_waiter(void *book)
{
	for (int i = 0; i < times; i++) {
		pthread_barrier_wait(&rwlock_pair.taken);
		site_rwlock(book);
		pthread_barrier_wait(&rwlock_pair.done);
	}
	return NULL;
}

static void *rwlock_holder(void *unused)
{
	for (int i = 0; i < times; i++) {
		pthread_rwlock_wrlock(&rwlock_pair.rwlock);
		pthread_barrier_wait(&rwlock_pair.taken);
		pause_ms(3);
		pthread_rwlock_unlock(&rwlock_pair.rwlock);
		pthread_barrier_wait(&rwlock_pair.done);
	}
	return unused;
}

static void *condition_waiter(void *book)
{
	for (int i = 0; i < times; i++)
		site_condition(book);
	return NULL;
}

static void *condition_sender(void *unused)
{
	int sent = 0;

	while (sent < times) {
		pause_ms(5);
		pthread_mutex_lock(&condition_pair.mutex);
		if (!condition_pair.is_ready) {
			condition_pair.is_ready = 1;
			sent++;
		}
		pthread_cond_signal(&condition_pair.condition);
		pthread_mutex_unlock(&condition_pair.mutex);
	}
	return unused;
}

static void *reader(void *book)
{
	for (int i = 0; i < times; i++)
		site_read(book);
	return NULL;
}

static void *poller(void *book)
{
	for (int i = 0; i < times; i++)
		site_poll(book);
	return NULL;
}

static void *writer(void *unused)
{
	for (int i = 0; i < times; i++) {
		pause_ms(4);
		if (write(pipe_fds[1], "", 1) != 1 || write(poll_fds[1], "", 1) != 1)
			exit(1);
	}
	return unused;
}

static struct thread {
	void *(*run)(void *book);
	const char *name;
	struct book book; /* without a site: none is kept */
	pthread_t id;
} threads[] = {
	{sleeper,          "sleeper",   {.site = "site_sleep"},     0},
	{mutex_waiter,     "mutex",     {.site = "site_mutex"},     0},
	{mutex_holder,     "holder",    {.site = NULL},             0},
	{rwlock_waiter,    "rwlock",    {.site = "site_rwlock"},    0},
	{rwlock_holder,    "holder",    {.site = NULL},             0},
	{condition_waiter, "condition", {.site = "site_condition"}, 0},
	{condition_sender, "sender",    {.site = NULL},             0},
	{reader,           "reader",    {.site = "site_read"},      0},
	{poller,           "poller",    {.site = "site_poll"},      0},
	{writer,           "writer",    {.site = NULL},             0},
};

#define THREADS (sizeof(threads) / sizeof(*threads))

static void init(struct pair *pair)
{
	pthread_barrier_init(&pair->taken, NULL, 2);
	pthread_barrier_init(&pair->done, NULL, 2);
	pthread_mutex_init(&pair->mutex, NULL);
	pthread_rwlock_init(&pair->rwlock, NULL);
	pthread_cond_init(&pair->condition, NULL);
}

static void *run_named(void *of)
{
	struct thread *thread = of;

	pthread_setname_np(pthread_self(), thread->name);
	return thread->run(&thread->book);
}

static void run_all(void)
{
	for (size_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i].id, NULL, run_named, &threads[i]);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i].id, NULL);
}

int main(int argc, char **argv)
{
	char go;

	if (argc > 1)
		times = atoi(argv[1]);
	init(&mutex_pair);
	init(&rwlock_pair);
	init(&condition_pair);
	if (pipe(pipe_fds) || pipe(poll_fds))
		return 1;
	puts("ready");
	fflush(stdout);
	if (read(0, &go, 1) != 1)
		return 1;
	/* The threads would wait for each other at the first look at the clock's page. */
	off_cpu_ns();
	run_all();
	for (size_t i = 0; i < THREADS; i++) {
		const struct book *book = &threads[i].book;

		if (book->site)
			printf("book %s %llu %llu\n", book->site, (unsigned long long)book->count,
			       (unsigned long long)book->ns);
	}
	puts("end");
	fflush(stdout);
	pause();
	return 0;
}
