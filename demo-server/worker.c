/* SPDX-License-Identifier: Apache-2.0 */
/* One event loop: accepts for itself, serves what it accepted, and drains when told to. */
#include "worker.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/param.h>
#include <sys/random.h>

#include "handlers.h"

/* Idle clients get this long to notice that we are leaving. h2o sends the last GOAWAY of HTTP/2
 * after one second; an idle HTTP/1.1 connection it would keep for ten. */
#define DRAIN_LINGER_MS  2000

#define ACCEPTS_PER_TURN 16

struct worker {
	struct lane lane;
	h2o_accept_ctx_t accept_ctx;
	h2o_socket_t *listener; /* NULL once draining */
	h2o_timeout_entry_t accept_retry;
	h2o_multithread_receiver_t drain_receiver;
	h2o_multithread_message_t drain_message;
	uint32_t nr_connections;
	bool draining;
};

static void on_connection_closed(void *data)
{
	struct worker *worker = data;

	worker->nr_connections--;
}

static bool accept_one(struct worker *worker)
{
	h2o_socket_t *sock = h2o_evloop_socket_accept(worker->listener);

	if (!sock)
		return false;
	worker->nr_connections++;
	sock->on_close.cb = on_connection_closed;
	sock->on_close.data = worker;
	h2o_accept(&worker->accept_ctx, sock);
	return true;
}

static void on_accept(h2o_socket_t *listener, const char *err)
{
	struct worker *worker = listener->data;
	int i;

	if (err)
		return;
	/* A few at a turn: those that are here already should not wait for a storm of new ones. */
	for (i = 0; i < ACCEPTS_PER_TURN; i++)
		if (!accept_one(worker))
			break;
	if (i == ACCEPTS_PER_TURN || (errno != EMFILE && errno != ENFILE))
		return;
	/* Out of descriptors the listener stays ready, and the loop would spin on it. */
	h2o_socket_read_stop(listener);
	h2o_timeout_link(worker->lane.ctx.loop, &worker->lane.ctx.hundred_ms_timeout,
			 &worker->accept_retry);
}

static void on_accept_retry(h2o_timeout_entry_t *entry)
{
	struct worker *worker = H2O_STRUCT_FROM_MEMBER(struct worker, accept_retry, entry);

	h2o_socket_read_start(worker->listener, on_accept);
}

static void on_drain(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
	struct worker *worker = H2O_STRUCT_FROM_MEMBER(struct worker, drain_receiver, receiver);

	h2o_linklist_unlink(messages->next); /* drain_message: there is no other */
	worker->draining = true;
}

static int lane_init(struct lane *lane, h2o_globalconf_t *config, const struct options *options,
		     struct stats *stats, uint32_t index)
{
	h2o_loop_t *loop;

	if (getrandom(&lane->random_state, sizeof(lane->random_state), 0) < 0)
		return -errno;
	lane->random_state |= 1;
	loop = h2o_evloop_create();
	if (!loop)
		return errno ? -errno : -ENOMEM;
	lane->options = options;
	lane->all_stats = stats;
	lane->stats = stats__lane(stats, index);
	h2o_context_init(&lane->ctx, loop, config);
	pauses__init(&lane->pauses, loop);
	return 0;
}

struct worker *worker__open(h2o_globalconf_t *config, const struct options *options,
			    struct stats *stats, uint32_t index, int listen_fd)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	int err;

	err = worker ? lane_init(&worker->lane, config, options, stats, index) : -ENOMEM;
	if (err) {
		close(listen_fd);
		free(worker);
		errno = -err;
		return NULL;
	}
	worker->accept_ctx.ctx = &worker->lane.ctx;
	worker->accept_ctx.hosts = config->hosts;
	worker->accept_retry.cb = on_accept_retry;
	worker->listener = h2o_evloop_socket_create(worker->lane.ctx.loop, listen_fd,
						    H2O_SOCKET_FLAG_DONT_READ);
	worker->listener->data = worker;
	h2o_socket_read_start(worker->listener, on_accept);
	h2o_multithread_register_receiver(worker->lane.ctx.queue, &worker->drain_receiver,
					  on_drain);
	return worker;
}

void worker__drain(struct worker *worker)
{
	/* The loop may be gone as soon as it has the message: touch nothing after this. */
	h2o_multithread_send_message(&worker->drain_receiver, &worker->drain_message);
}

static void stop_accepting(struct worker *worker)
{
	h2o_timeout_unlink(&worker->accept_retry);
	/* Closing the socket resets what waits in its queue, so take that first. */
	while (accept_one(worker))
		;
	h2o_socket_close(worker->listener);
	worker->listener = NULL;
}

static uint64_t monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

void worker__run(struct worker *worker)
{
	const struct options *options = worker->lane.options;
	h2o_loop_t *loop = worker->lane.ctx.loop;
	uint64_t idle_until_ms, busy_until_ms, now_ms;

	while (!worker->draining)
		h2o_evloop_run(loop, INT32_MAX);

	stop_accepting(worker);
	h2o_context_request_shutdown(&worker->lane.ctx);
	idle_until_ms = monotonic_ms() + DRAIN_LINGER_MS;
	/* By then the longest pause is over too. What is left has a client that does not read. */
	busy_until_ms = idle_until_ms + MAX(options->fast_delay_ms, options->slow_max_ms);
	while (worker->nr_connections) {
		now_ms = monotonic_ms();
		if (now_ms >= (worker->lane.pauses.nr_open ? busy_until_ms : idle_until_ms))
			break;
		h2o_evloop_run(loop, 50);
	}
}

void worker__close(struct worker *worker)
{
	if (!worker)
		return;
	/* h2o 2.2.5 offers no way to close a context's connections, and aborts if the context goes
	 * before them. The process is about to exit: leave them to the kernel. */
	if (worker->nr_connections)
		return;
	if (worker->listener)
		h2o_socket_close(worker->listener);
	h2o_multithread_unregister_receiver(worker->lane.ctx.queue, &worker->drain_receiver);
	pauses__dispose(&worker->lane.pauses);
	/* h2o leaves its GOAWAY timer running, then asserts that no timer is. */
	h2o_timeout_unlink(&worker->lane.ctx.http2._graceful_shutdown_timeout);
	h2o_context_dispose(&worker->lane.ctx);
	h2o_evloop_destroy(worker->lane.ctx.loop);
	free(worker);
}
