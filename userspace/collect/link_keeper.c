// SPDX-License-Identifier: Apache-2.0
#include "collect/link_keeper.h"

#include <errno.h>
#include <linux/close_range.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/array.h"
#include "privilege/sandbox.h"
#include "reader/passed_fd.h"

#define LET_GO_MS   5000

/* Of what it calls, libseccomp needs the most: some KiB. */
#define STACK_BYTES (256 << 10)

/* A question: with a descriptor, or what to let go of. The answer is a number: what it is kept as,
 * or -errno. */
struct link_keeper {
	int socket; /* -1: it has no table of its own, and there is no thread */
	int its_end;
	pthread_t thread;
};

/* One question and its answer. False: nobody asks any more. */
static bool attend(int socket)
{
	int number = -1;
	union passed_fd passed;
	struct iovec part = {.iov_base = &number, .iov_len = sizeof(number)};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	ssize_t got;

	passed_fd__expect(&passed, &message);
	do
		got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got != sizeof(number))
		return false;
	if (number >= 0) {
		close(number);
		number = 0;
	} else {
		number = passed_fd__take(&message);
		/* It is cut off where the table is full. */
		if (number < 0)
			number = -EMFILE;
	}
	return send(socket, &number, sizeof(number), MSG_NOSIGNAL) == sizeof(number);
}

static void let_go_of_all(int socket)
{
	if (socket > 0)
		close_range(0, socket - 1, 0);
	close_range(socket + 1, ~0U, 0);
}

static void *keeping_thread(void *context)
{
	const struct link_keeper *keeper = context;
	int socket = keeper->its_end;
	int number;

	sandbox__enter(SANDBOX_LINKS, SANDBOX_NO_EXTRA);
	number = close_range(socket + 1, ~0U, CLOSE_RANGE_UNSHARE) ? -errno : 0;
	if (!number)
		let_go_of_all(socket);
	send(socket, &number, sizeof(number), MSG_NOSIGNAL);
	while (!number && attend(socket))
		;
	if (number)
		return NULL;
	/* By hand, so that they are gone when the other end sees this one closed. */
	let_go_of_all(socket);
	close(socket);
	return NULL;
}

static int receive(const struct link_keeper *keeper)
{
	int number;
	ssize_t got;

	do
		got = recv(keeper->socket, &number, sizeof(number), 0);
	while (got < 0 && errno == EINTR);
	return got == sizeof(number) ? number : -EPIPE;
}

/* 0 or -errno. */
static int start_thread(struct link_keeper *keeper)
{
	pthread_attr_t attributes;
	int ends[2], err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	keeper->socket = ends[0];
	keeper->its_end = ends[1];
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	err = pthread_create(&keeper->thread, &attributes, keeping_thread, keeper);
	pthread_attr_destroy(&attributes);
	if (err || receive(keeper)) {
		if (!err)
			pthread_join(keeper->thread, NULL);
		close(keeper->socket);
		keeper->socket = -1;
	}
	/* The thread's own, from here on. */
	close(keeper->its_end);
	return -err;
}

struct link_keeper *link_keeper__start(void)
{
	struct link_keeper *keeper = calloc(1, sizeof(*keeper));
	int err;

	if (!keeper)
		return NULL;
	err = start_thread(keeper);
	if (!err)
		return keeper;
	free(keeper);
	errno = -err;
	return NULL;
}

void link_keeper__end(struct link_keeper *keeper)
{
	if (!keeper)
		return;
	if (keeper->socket >= 0) {
		shutdown(keeper->socket, SHUT_RDWR);
		pthread_join(keeper->thread, NULL);
		close(keeper->socket);
	}
	free(keeper);
}

/* `fd` is handed over; -1: none. The answer. */
static int ask(const struct link_keeper *keeper, int number, int fd)
{
	union passed_fd passed;
	struct iovec part = {.iov_base = &number, .iov_len = sizeof(number)};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	ssize_t sent;

	passed_fd__put(&passed, &message, fd);
	do
		sent = sendmsg(keeper->socket, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent == sizeof(number) ? receive(keeper) : -errno;
}

int link_keeper__keep(struct link_keeper *keeper, int fd)
{
	int kept;

	if (!keeper || keeper->socket < 0)
		return fd;
	kept = ask(keeper, -1, fd);
	close(fd);
	return kept;
}

void link_keeper__drop(struct link_keeper *keeper, int *link)
{
	if (*link >= 0) {
		if (!keeper || keeper->socket < 0)
			close(*link);
		else
			ask(keeper, *link, -1);
	}
	*link = -1;
}

int kept_links__add(struct kept_links *links, int fd)
{
	int link = fd < 0 ? fd : link_keeper__keep(links->keeper, fd);
	int err;

	if (link < 0)
		return link;
	err = array_append(&links->items, &links->count, &links->capacity, link);
	if (err)
		link_keeper__drop(links->keeper, &link);
	return err;
}

void kept_links__drop(struct kept_links *links)
{
	while (links->count)
		link_keeper__drop(links->keeper, &links->items[--links->count]);
	free(links->items);
	*links = (struct kept_links){.keeper = links->keeper};
}

void link_keeper__let_go(struct link_keeper *keeper)
{
	struct pollfd other;

	if (!keeper || keeper->socket < 0)
		return;
	other = (struct pollfd){.fd = keeper->socket}; /* POLLHUP */
	shutdown(keeper->socket, SHUT_WR);
	poll(&other, 1, LET_GO_MS);
}
