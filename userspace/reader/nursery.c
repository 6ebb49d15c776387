// SPDX-License-Identifier: Apache-2.0
#include "reader/nursery.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/resident.h"
#include "reader/passed_fd.h"
#include "reader/worker_sandbox.h"
#include "target/proc.h"

/* Forking takes a millisecond. Longer, and it is stopped, or gone without a word. */
#define FORK_MAX_MS 2000
/* Killed, and with some hundred megabytes to give back. */
#define DIE_MAX_MS  1000
/* It ends when nobody can give it orders any more. */
#define STOP_MAX_MS 500

/* An order, with a socket for the new worker, or without one: the last is ended, no more. */
struct order {
	uint64_t number;
};

struct report {
	uint64_t number; /* of the order */
	int32_t result;  /* the worker's pid, 0 or -errno */
	int32_t padding;
};

/* exoprof's end of a kind. The pid is asked for by whoever wants to know the usage. */
struct post {
	const struct nursery *nursery;
	int socket;
	_Atomic pid_t worker; /* 0: none */
	uint64_t orders;
	struct worker_source source;
};

struct nursery {
	pid_t pid;
	size_t count;
	struct post posts[NURSERY_KINDS_MAX];
};

/* --- the process itself --- */

/* A kind, with a socket for its orders: who gives them need not wait for each other. */
struct cot {
	const struct worker_kind *kind;
	int socket, worker_pidfd; /* -1: none */
	pid_t worker;
};

struct brood {
	pid_t nursery;
	size_t count;
	struct cot cots[NURSERY_KINDS_MAX];
};

/* One that reads from a file system that does not answer ends when that does: nobody waits for it
 * so long. It is buried with a later one. */
static void end_worker(struct cot *cot)
{
	struct pollfd end = {.fd = cot->worker_pidfd, .events = POLLIN};

	if (!cot->worker)
		return;
	syscall(SYS_pidfd_send_signal, cot->worker_pidfd, SIGKILL, NULL, 0);
	poll(&end, 1, DIE_MAX_MS);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	close(cot->worker_pidfd);
	cot->worker = 0;
	cot->worker_pidfd = -1;
}

__attribute__((noreturn)) static void be_worker(pid_t nursery, const struct worker_kind *kind,
						int socket)
{
	prctl(PR_SET_NAME, kind->process_name);
	worker_sandbox__end_with(nursery);
	worker_sandbox__keep_only(&socket, 1);
	kind->run(socket, kind->memory_bytes);
	_exit(0);
}

static pid_t start_worker(const struct brood *brood, struct cot *cot, int socket)
{
	pid_t pid = fork();
	int err;

	if (!pid)
		be_worker(brood->nursery, cot->kind, socket);
	if (pid < 0)
		return -errno;
	cot->worker_pidfd = syscall(SYS_pidfd_open, pid, 0);
	if (cot->worker_pidfd < 0) {
		err = -errno;
		kill(pid, SIGKILL);
		return err;
	}
	cot->worker = pid;
	return pid;
}

/* False once nobody gives orders any more. */
static bool take_order(const struct brood *brood, struct cot *cot)
{
	struct order order;
	struct iovec part = {&order, sizeof(order)};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	union passed_fd passed;
	struct report report = {};
	int fd;

	passed_fd__expect(&passed, &message);
	if (recvmsg(cot->socket, &message, MSG_CMSG_CLOEXEC) != sizeof(order))
		return false;
	fd = passed_fd__take(&message);
	end_worker(cot);
	report.number = order.number;
	if (fd >= 0) {
		report.result = start_worker(brood, cot, fd);
		close(fd);
	}
	return send(cot->socket, &report, sizeof(report), MSG_NOSIGNAL) == sizeof(report);
}

/* One that has ended by itself is buried at once. False once nobody gives orders any more. */
static bool look_after(struct brood *brood)
{
	struct pollfd fds[2 * NURSERY_KINDS_MAX];

	for (size_t i = 0; i < brood->count; i++) {
		const struct cot *cot = &brood->cots[i];

		fds[2 * i] = (struct pollfd){.fd = cot->socket, .events = POLLIN};
		fds[2 * i + 1] = (struct pollfd){.fd = cot->worker_pidfd, .events = POLLIN};
	}
	if (poll(fds, 2 * brood->count, -1) <= 0)
		return true;
	for (size_t i = 0; i < brood->count; i++) {
		if (fds[2 * i + 1].revents)
			end_worker(&brood->cots[i]);
		if (fds[2 * i].revents && !take_order(brood, &brood->cots[i]))
			return false;
	}
	return true;
}

/* Ctrl-C in a terminal goes to all of a process group, and a service's end to all of its control
 * group: exoprof has names to ask for after it. */
static void outlive_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGTSTP};
	sigset_t none;

	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		signal(signals[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

__attribute__((noreturn)) static void be_nursery(pid_t parent, const struct worker_kind *kinds,
						 int *sockets, size_t count)
{
	struct brood brood = {.nursery = getpid(), .count = count};

	prctl(PR_SET_NAME, "exoprof-nursery");
	outlive_signals();
	worker_sandbox__keep_only(sockets, count);
	for (size_t i = 0; i < count; i++)
		brood.cots[i] =
			(struct cot){.kind = &kinds[i], .socket = sockets[i], .worker_pidfd = -1};
	worker_sandbox__drop_rights();
	worker_sandbox__end_with(parent);
	while (look_after(&brood))
		;
	for (size_t i = 0; i < count; i++)
		end_worker(&brood.cots[i]);
	_exit(0);
}

/* --- exoprof's side --- */

static int start(void *context);
static void end(void *context);
static void read_usage(void *context, struct worker_usage *usage);

static void close_posts(struct nursery *nursery)
{
	for (size_t i = 0; i < nursery->count; i++)
		close(nursery->posts[i].socket);
}

/* The other ends of their sockets. 0 or -errno. */
static int open_posts(struct nursery *nursery, size_t count, int *others)
{
	while (nursery->count < count) {
		struct post *post = &nursery->posts[nursery->count];
		int ends[2];

		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
			return -errno;
		post->nursery = nursery;
		post->socket = ends[0];
		post->source = (struct worker_source){start, end, read_usage, post};
		others[nursery->count++] = ends[1];
	}
	return 0;
}

struct nursery *nursery__start(const struct worker_kind *kinds, size_t count)
{
	struct nursery *nursery = calloc(1, sizeof(*nursery));
	int others[NURSERY_KINDS_MAX];
	pid_t self = getpid();
	int err;

	if (!nursery)
		return NULL;
	err = open_posts(nursery, count, others);
	nursery->pid = err ? -1 : fork();
	if (!nursery->pid)
		be_nursery(self, kinds, others, count);
	err = err ?: nursery->pid < 0 ? -errno : 0;
	for (size_t i = 0; i < nursery->count; i++)
		close(others[i]);
	if (!err)
		return nursery;
	close_posts(nursery);
	free(nursery);
	errno = -err;
	return NULL;
}

static void wait_for_end(const struct nursery *nursery)
{
	int64_t deadline_ms = clock__monotonic_ms() + STOP_MAX_MS;

	while (!waitpid(nursery->pid, NULL, WNOHANG) && clock__monotonic_ms() <= deadline_ms)
		poll(NULL, 0, 1);
}

void nursery__stop(struct nursery *nursery)
{
	if (!nursery)
		return;
	close_posts(nursery);
	/* One that is stopped may be another user's by now, who is not ours to kill: the kernel
	 * does it when exoprof has gone. */
	wait_for_end(nursery);
	free(nursery);
}

const struct worker_source *nursery__source(const struct nursery *nursery, size_t kind)
{
	return nursery ? &nursery->posts[kind].source : NULL;
}

static int send_order(struct post *post, int fd)
{
	struct order order = {.number = ++post->orders};
	struct iovec part = {&order, sizeof(order)};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	union passed_fd passed = {};

	passed_fd__put(&passed, &message, fd);
	return sendmsg(post->socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* To the last order; those to earlier ones come late, and nobody waits for them. */
static int receive_report(const struct post *post)
{
	int64_t deadline_ms = clock__monotonic_ms() + FORK_MAX_MS;
	struct report report = {};

	while (report.number != post->orders) {
		struct pollfd fd = {.fd = post->socket, .events = POLLIN};
		int64_t left_ms = deadline_ms - clock__monotonic_ms();
		int ready = left_ms > 0 ? poll(&fd, 1, left_ms) : 0;

		if (!ready)
			return -ETIMEDOUT;
		if (ready < 0 && errno == EINTR)
			continue;
		if (recv(post->socket, &report, sizeof(report), 0) != sizeof(report))
			return -EPIPE;
	}
	return report.result;
}

static int order(struct post *post, int fd)
{
	int err = send_order(post, fd);
	int result = err ?: receive_report(post);

	post->worker = result > 0 ? result : 0;
	return result < 0 ? result : 0;
}

static int start(void *context)
{
	struct post *post = context;
	int ends[2];
	int err;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return -errno;
	err = order(post, ends[1]);
	close(ends[1]);
	if (!err)
		return ends[0];
	close(ends[0]);
	return err;
}

static void end(void *context)
{
	order(context, -1);
}

/* One that has ended is in the nursery's own sum. */
static void add_usage(struct worker_usage *usage, pid_t pid)
{
	struct proc_stat stat;

	if (!pid || proc__stat(pid, &stat))
		return;
	usage->resident_bytes += resident__bytes_of(pid);
	usage->cpu_seconds += (double)stat.cpu_ticks / sysconf(_SC_CLK_TCK);
}

static void read_usage(void *context, struct worker_usage *usage)
{
	const struct nursery *nursery = ((const struct post *)context)->nursery;

	*usage = (struct worker_usage){};
	add_usage(usage, nursery->pid);
	for (size_t i = 0; i < nursery->count; i++)
		add_usage(usage, nursery->posts[i].worker);
}
