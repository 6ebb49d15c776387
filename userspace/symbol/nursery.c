// SPDX-License-Identifier: Apache-2.0
#include "symbol/nursery.h"

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
#include "symbol/passed_fd.h"
#include "symbol/worker.h"
#include "symbol/worker_sandbox.h"
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

struct nursery {
	pid_t pid;
	int socket;
	pid_t worker; /* 0: none */
	uint64_t orders;
	struct worker_source source;
};

/* --- the process itself --- */

struct brood {
	pid_t nursery;
	int socket, worker_pidfd; /* -1: none */
	pid_t worker;
	size_t memory_bytes;
};

/* One that reads from a file system that does not answer ends when that does: nobody waits for it
 * so long. */
static void end_worker(struct brood *brood)
{
	struct pollfd end = {.fd = brood->worker_pidfd, .events = POLLIN};

	if (!brood->worker)
		return;
	kill(brood->worker, SIGKILL);
	poll(&end, 1, DIE_MAX_MS);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	if (brood->worker_pidfd >= 0)
		close(brood->worker_pidfd);
	brood->worker = 0;
	brood->worker_pidfd = -1;
}

__attribute__((noreturn)) static void be_worker(const struct brood *brood, int socket)
{
	struct worker *worker;

	prctl(PR_SET_NAME, "exoprof-worker");
	worker_sandbox__end_with(brood->nursery);
	worker = worker__new(worker_sandbox__keep_only(socket));
	if (worker && !worker_sandbox__shut(brood->memory_bytes))
		worker__serve(worker);
	_exit(0);
}

static pid_t start_worker(struct brood *brood, int socket)
{
	pid_t pid = fork();

	if (!pid)
		be_worker(brood, socket);
	if (pid < 0)
		return -errno;
	brood->worker = pid;
	brood->worker_pidfd = syscall(SYS_pidfd_open, pid, 0);
	return pid;
}

/* False once nobody gives orders any more. */
static bool take_order(struct brood *brood)
{
	struct order order;
	struct iovec part = {&order, sizeof(order)};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	union passed_fd passed;
	struct report report = {};
	int fd;

	passed_fd__expect(&passed, &message);
	if (recvmsg(brood->socket, &message, MSG_CMSG_CLOEXEC) != sizeof(order))
		return false;
	fd = passed_fd__take(&message);
	end_worker(brood);
	report.number = order.number;
	if (fd >= 0) {
		report.result = start_worker(brood, fd);
		close(fd);
	}
	return send(brood->socket, &report, sizeof(report), MSG_NOSIGNAL) == sizeof(report);
}

/* One that has ended by itself is buried at once. Whether there is an order. */
static bool wait_for_order(struct brood *brood)
{
	struct pollfd fds[] = {
		{.fd = brood->socket,       .events = POLLIN},
		{.fd = brood->worker_pidfd, .events = POLLIN},
	};

	if (poll(fds, 2, -1) <= 0)
		return false;
	if (fds[1].revents)
		end_worker(brood);
	return fds[0].revents;
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

__attribute__((noreturn)) static void be_nursery(pid_t parent, int socket, size_t memory_bytes)
{
	struct brood brood = {
		.nursery = getpid(), .worker_pidfd = -1, .memory_bytes = memory_bytes};

	prctl(PR_SET_NAME, "exoprof-nursery");
	outlive_signals();
	brood.socket = worker_sandbox__keep_only(socket);
	worker_sandbox__drop_rights();
	worker_sandbox__end_with(parent);
	while (!wait_for_order(&brood) || take_order(&brood))
		;
	end_worker(&brood);
	_exit(0);
}

/* --- exoprof's side --- */

static int start(void *context);
static void end(void *context);
static void read_usage(void *context, struct worker_usage *usage);

struct nursery *nursery__start(size_t memory_bytes)
{
	struct nursery *nursery = calloc(1, sizeof(*nursery));
	pid_t self = getpid();
	int ends[2];

	if (!nursery)
		return NULL;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) {
		free(nursery);
		return NULL;
	}
	nursery->pid = fork();
	if (!nursery->pid)
		be_nursery(self, ends[1], memory_bytes);
	close(ends[1]);
	nursery->socket = ends[0];
	nursery->source = (struct worker_source){start, end, read_usage, nursery};
	if (nursery->pid > 0)
		return nursery;
	close(ends[0]);
	free(nursery);
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
	close(nursery->socket);
	/* One that is stopped may be another user's by now, who is not ours to kill: the kernel
	 * does it when exoprof has gone. */
	wait_for_end(nursery);
	free(nursery);
}

const struct worker_source *nursery__source(const struct nursery *nursery)
{
	return nursery ? &nursery->source : NULL;
}

static int send_order(struct nursery *nursery, int fd)
{
	struct order order = {.number = ++nursery->orders};
	struct iovec part = {&order, sizeof(order)};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	union passed_fd passed = {};

	passed_fd__put(&passed, &message, fd);
	return sendmsg(nursery->socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* To the last order; those to earlier ones come late, and nobody waits for them. */
static int receive_report(const struct nursery *nursery)
{
	int64_t deadline_ms = clock__monotonic_ms() + FORK_MAX_MS;
	struct report report = {};

	while (report.number != nursery->orders) {
		struct pollfd fd = {.fd = nursery->socket, .events = POLLIN};
		int64_t left_ms = deadline_ms - clock__monotonic_ms();
		int ready = left_ms > 0 ? poll(&fd, 1, left_ms) : 0;

		if (!ready)
			return -ETIMEDOUT;
		if (ready < 0 && errno == EINTR)
			continue;
		if (recv(nursery->socket, &report, sizeof(report), 0) != sizeof(report))
			return -EPIPE;
	}
	return report.result;
}

static int order(struct nursery *nursery, int fd)
{
	int err = send_order(nursery, fd);
	int result = err ?: receive_report(nursery);

	nursery->worker = result > 0 ? result : 0;
	return result < 0 ? result : 0;
}

static int start(void *context)
{
	struct nursery *nursery = context;
	int ends[2];
	int err;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return -errno;
	err = order(nursery, ends[1]);
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

static void read_usage(void *context, struct worker_usage *usage)
{
	const struct nursery *nursery = context;
	const pid_t pids[] = {nursery->pid, nursery->worker};
	struct proc_stat stat;

	*usage = (struct worker_usage){};
	for (size_t i = 0; i < 2; i++) {
		/* One that has ended is in the nursery's own sum. */
		if (!pids[i] || proc__stat(pids[i], &stat))
			continue;
		usage->resident_bytes += resident__bytes_of(pids[i]);
		usage->cpu_seconds += (double)stat.cpu_ticks / sysconf(_SC_CLK_TCK);
	}
}
