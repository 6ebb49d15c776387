// SPDX-License-Identifier: Apache-2.0
#include "serve/server.h"

#include <errno.h>
#include <h2o.h>
#include <netdb.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "serve/routes.h"

/* Idle connections get this long to go; h2o would keep them for ten seconds. */
#define LINGER_MS 500

struct server {
	struct agent *agent;
	int listen_fd;
	h2o_globalconf_t config;
	h2o_context_t context;
	h2o_accept_ctx_t accept_context;
	h2o_socket_t *listener;
	h2o_timeout_entry_t accept_retry;
	struct routes routes;
	unsigned int connections;
	h2o_multithread_receiver_t stop_receiver;
	h2o_multithread_message_t stop_message;
	bool stopping;
	pthread_t thread;
	sem_t ready;
};

/* getaddrinfo() would take 65537 for 1. */
static bool is_port(const char *text)
{
	return *text && strlen(text) <= 5 && !text[strspn(text, "0123456789")] &&
	       atoi(text) <= UINT16_MAX;
}

/* Splits "HOST:PORT"; IPv6 addresses stand in brackets. */
static int split(const char *address, char *host, size_t host_size, const char **port)
{
	const char *colon = strrchr(address, ':');
	size_t length;

	if (!colon || !is_port(colon + 1))
		return -EINVAL;
	length = colon - address;
	if (*address == '[' && length >= 2 && colon[-1] == ']') {
		address++;
		length -= 2;
	}
	if (length >= host_size)
		return -EINVAL;
	memcpy(host, address, length);
	host[length] = '\0';
	*port = colon + 1;
	return 0;
}

static int listen_at(const struct addrinfo *info)
{
	int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, err;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (!bind(fd, info->ai_addr, info->ai_addrlen) && !listen(fd, SOMAXCONN))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

int server__listen(const char *address, char *why, size_t why_size)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *infos;
	char host[256];
	const char *port;
	int fd, err = split(address, host, sizeof(host), &port);

	if (err) {
		snprintf(why, why_size, "cannot listen on %s: not of the form HOST:PORT", address);
		return err;
	}
	err = getaddrinfo(*host ? host : NULL, port, &hints, &infos);
	if (err) {
		snprintf(why, why_size, "cannot listen on %s: %s", address, gai_strerror(err));
		return -EADDRNOTAVAIL;
	}
	fd = listen_at(infos);
	freeaddrinfo(infos);
	if (fd < 0)
		snprintf(why, why_size,
			 "cannot listen on %s: %s (choose another place with --listen HOST:PORT)",
			 address, strerror(-fd));
	return fd;
}

void server__address(int listen_fd, char *address, size_t size)
{
	struct sockaddr_storage where;
	socklen_t length = sizeof(where);
	char host[128], port[16];

	snprintf(address, size, "?");
	if (getsockname(listen_fd, (struct sockaddr *)&where, &length) ||
	    getnameinfo((struct sockaddr *)&where, length, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV))
		return;
	snprintf(address, size, where.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

static void on_connection_closed(void *data)
{
	struct server *server = data;

	server->connections--;
}

static void on_accept(h2o_socket_t *listener, const char *err)
{
	struct server *server = listener->data;
	h2o_socket_t *sock;

	if (err)
		return;
	sock = h2o_evloop_socket_accept(listener);
	if (sock) {
		server->connections++;
		sock->on_close.cb = on_connection_closed;
		sock->on_close.data = server;
		h2o_accept(&server->accept_context, sock);
	} else if (errno == EMFILE || errno == ENFILE) {
		/* The listener stays ready, and the loop would spin on it. */
		h2o_socket_read_stop(listener);
		h2o_timeout_link(server->context.loop, &server->context.hundred_ms_timeout,
				 &server->accept_retry);
	}
}

static void on_accept_retry(h2o_timeout_entry_t *entry)
{
	struct server *server = H2O_STRUCT_FROM_MEMBER(struct server, accept_retry, entry);

	h2o_socket_read_start(server->listener, on_accept);
}

static void on_stop(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
	struct server *server = H2O_STRUCT_FROM_MEMBER(struct server, stop_receiver, receiver);

	h2o_linklist_unlink(messages->next); /* stop_message: there is no other */
	server->stopping = true;
}

/* In the thread that runs the loop: h2o's buffers come from a cache of the thread, without a lock.
 */
static void open_loop(struct server *server)
{
	h2o_config_init(&server->config);
	routes__register(&server->routes, &server->config);
	h2o_context_init(&server->context, h2o_evloop_create(), &server->config);
	server->accept_context.ctx = &server->context;
	server->accept_context.hosts = server->config.hosts;
	server->accept_retry.cb = on_accept_retry;
	h2o_multithread_register_receiver(server->context.queue, &server->stop_receiver, on_stop);
	routes__start(&server->routes, &server->context);
	server->listener = h2o_evloop_socket_create(server->context.loop, server->listen_fd,
						    H2O_SOCKET_FLAG_DONT_READ);
	server->listener->data = server;
	h2o_socket_read_start(server->listener, on_accept);
}

/* All requests get their answer; connections that stay open are left to the end of the process,
 * since h2o 2.2 cannot close them, and asserts that there are none when its context goes. */
static void drain(struct server *server)
{
	int64_t deadline_ms;

	server->routes.stopping = true;
	h2o_timeout_unlink(&server->accept_retry);
	h2o_socket_close(server->listener);
	h2o_context_request_shutdown(&server->context);
	agent__end(server->agent, 0, false);
	while (server->routes.waiting)
		h2o_evloop_run(server->context.loop, 50);
	deadline_ms = clock__monotonic_ms() + LINGER_MS;
	while (server->connections && clock__monotonic_ms() < deadline_ms)
		h2o_evloop_run(server->context.loop, 50);
}

static void close_loop(struct server *server)
{
	h2o_loop_t *loop = server->context.loop;

	if (server->connections)
		return;
	routes__stop(&server->routes, &server->context);
	h2o_multithread_unregister_receiver(server->context.queue, &server->stop_receiver);
	/* h2o leaves its GOAWAY timer running, then asserts that no timer is. */
	h2o_timeout_unlink(&server->context.http2._graceful_shutdown_timeout);
	h2o_context_dispose(&server->context);
	h2o_config_dispose(&server->config);
	h2o_evloop_destroy(loop);
}

static void *serving_thread(void *context)
{
	struct server *server = context;

	open_loop(server);
	sem_post(&server->ready);
	while (!server->stopping)
		h2o_evloop_run(server->context.loop, INT32_MAX);
	drain(server);
	close_loop(server);
	return NULL;
}

struct server *server__start(int listen_fd, struct agent *agent)
{
	struct server *server = calloc(1, sizeof(*server));
	int err = ENOMEM;

	if (!server)
		goto fail;
	server->agent = agent;
	server->routes.agent = agent;
	server->routes.counts = request_counts__new();
	if (!server->routes.counts)
		goto fail;
	server->listen_fd = listen_fd;
	sem_init(&server->ready, 0, 0);
	err = pthread_create(&server->thread, NULL, serving_thread, server);
	if (err)
		goto fail;
	pthread_setname_np(server->thread, "exoprof-http");
	while (sem_wait(&server->ready))
		; /* EINTR */
	return server;
fail:
	close(listen_fd);
	if (server)
		request_counts__free(server->routes.counts);
	free(server);
	errno = err;
	return NULL;
}

void server__stop(struct server *server)
{
	bool is_empty;

	if (!server)
		return;
	h2o_multithread_send_message(&server->stop_receiver, &server->stop_message);
	pthread_join(server->thread, NULL);
	is_empty = !server->connections;
	sem_destroy(&server->ready);
	/* A connection that is still there points here; the process is about to end. */
	if (!is_empty)
		return;
	request_counts__free(server->routes.counts);
	free(server);
}
