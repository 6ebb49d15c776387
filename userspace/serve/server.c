// SPDX-License-Identifier: Apache-2.0
#include "serve/server.h"

#include <errno.h>
#include <h2o.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "base/say.h"
#include "privilege/sandbox.h"
#include "serve/access.h"
#include "serve/connections.h"
#include "serve/listener.h"
#include "serve/page.h"
#include "serve/routes.h"
#include "serve/waiting.h"

/* Idle connections get this long to go; h2o would keep them for ten seconds. */
#define LINGER_MS         500

/* A connection is a descriptor, of which the target's files need most. */
#define CONNECTIONS_MAX   2048
#define DESCRIPTORS_SHARE 4

/* While there is anybody to look after. */
#define LOOK_MS           1000
/* While nobody can come in. */
#define CROWDED_LOOK_MS   100

/* A listener in the event loop. */
struct door {
	struct server *server;
	struct listener *listener;
	h2o_accept_ctx_t accept_context;
	h2o_socket_t *sock;
	bool is_shut; /* until there is room */
};

struct server {
	struct agent *agent;
	struct door doors[SERVER_PLACES_MAX];
	size_t door_count;
	SSL_CTX *tls; /* NULL: none */
	h2o_globalconf_t config;
	h2o_context_t context;
	struct routes routes;
	struct connections *connections;
	int64_t looked_ms, opened_ms;
	h2o_multithread_receiver_t stop_receiver;
	h2o_multithread_message_t stop_message;
	bool stopping;
	bool is_started;
	pthread_t thread;
	sem_t ready;
};

static void on_accept(h2o_socket_t *listener, const char *err);

static void open_shut_doors(struct server *server)
{
	for (size_t i = 0; i < server->door_count; i++) {
		struct door *door = &server->doors[i];

		if (!door->is_shut)
			continue;
		door->is_shut = false;
		h2o_socket_read_start(door->sock, on_accept);
	}
}

static void on_connection_closed(void *context)
{
	open_shut_doors(context);
}

/* Clients wait in the kernel's queue, or are refused by it. The listener stays ready, and the loop
 * would spin on it. */
static void shut(struct door *door)
{
	h2o_socket_read_stop(door->sock);
	door->is_shut = true;
}

static enum connection_kind kind_of(const struct door *door)
{
	if (listener__is_abstract(door->listener))
		return CONNECTION_UNIX_ABSTRACT;
	if (listener__is_unix(door->listener))
		return CONNECTION_UNIX_FILE;
	return door->accept_context.ssl_ctx ? CONNECTION_TLS : CONNECTION_PLAIN;
}

static void on_accept(h2o_socket_t *listener, const char *err)
{
	struct door *door = listener->data;
	struct server *server = door->server;
	h2o_socket_t *sock;

	if (err)
		return;
	if (!connections__has_room(server->connections)) {
		shut(door);
		return;
	}
	sock = h2o_evloop_socket_accept(listener);
	if (!sock && (errno == EMFILE || errno == ENFILE))
		shut(door);
	else if (sock && connections__add(server->connections, sock, kind_of(door)))
		h2o_accept(&door->accept_context, sock);
}

static void on_stop(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
	struct server *server = H2O_STRUCT_FROM_MEMBER(struct server, stop_receiver, receiver);

	h2o_linklist_unlink(messages->next); /* stop_message: there is no other */
	server->stopping = true;
}

static void open_door(struct door *door)
{
	struct server *server = door->server;

	door->accept_context.ctx = &server->context;
	door->accept_context.hosts = server->config.hosts;
	if (!listener__is_unix(door->listener))
		door->accept_context.ssl_ctx = server->tls;
	door->sock = h2o_evloop_socket_create(
		server->context.loop, listener__take_fd(door->listener), H2O_SOCKET_FLAG_DONT_READ);
	door->sock->data = door;
	h2o_socket_read_start(door->sock, on_accept);
}

static void close_door(struct door *door)
{
	door->is_shut = false;
	h2o_socket_close(door->sock);
}

static void configure(h2o_globalconf_t *config)
{
	h2o_config_init(config);
	/* As h2o has them, which may be built otherwise. */
	config->handshake_timeout = 10000;
	config->http1.req_timeout = 10000;
	config->http2.idle_timeout = 10000;
	config->http2.max_concurrent_requests_per_connection = 100;
	config->http2.max_streams_for_priority = 16;
	/* h2o would put more than 32 MiB of a connection's input into a file in /tmp. */
	h2o_socket_buffer_mmap_settings.threshold = SIZE_MAX;
}

/* In the thread that runs the loop: h2o's buffers come from a cache of the thread, without a lock.
 */
static void open_loop(struct server *server)
{
	configure(&server->config);
	routes__register(&server->routes, &server->config);
	h2o_context_init(&server->context, h2o_evloop_create(), &server->config);
	h2o_multithread_register_receiver(server->context.queue, &server->stop_receiver, on_stop);
	routes__start(&server->routes, &server->context);
	for (size_t i = 0; i < server->door_count; i++)
		open_door(&server->doors[i]);
}

static bool is_shut(const struct server *server)
{
	for (size_t i = 0; i < server->door_count; i++) {
		if (server->doors[i].is_shut)
			return true;
	}
	return false;
}

/* h2o's timers go by a clock that can be set, ours do not. */
static void look(struct server *server)
{
	int64_t now_ms = clock__monotonic_ms();

	connections__look(server->connections, &server->context);
	if (is_shut(server) && now_ms >= server->opened_ms + CROWDED_LOOK_MS) {
		server->opened_ms = now_ms;
		open_shut_doors(server);
	}
	if (now_ms < server->looked_ms + LOOK_MS)
		return;
	server->looked_ms = now_ms;
	waiting__look(&server->routes);
}

static int32_t most_wait_ms(const struct server *server)
{
	if (is_shut(server))
		return CROWDED_LOOK_MS;
	return connections__count(server->connections) ? LOOK_MS : INT32_MAX;
}

/* All requests get their answer; connections that stay open are left to the end of the process,
 * since h2o 2.2 cannot close them, and asserts that there are none when its context goes. */
static void drain(struct server *server)
{
	int64_t deadline_ms;

	server->routes.stopping = true;
	for (size_t i = 0; i < server->door_count; i++)
		close_door(&server->doors[i]);
	h2o_context_request_shutdown(&server->context);
	agent__end(server->agent, 0, false);
	while (server->routes.waiting)
		h2o_evloop_run(server->context.loop, 50);
	deadline_ms = clock__monotonic_ms() + LINGER_MS;
	while (connections__count(server->connections) && clock__monotonic_ms() < deadline_ms)
		h2o_evloop_run(server->context.loop, 50);
}

static void close_loop(struct server *server)
{
	h2o_loop_t *loop = server->context.loop;

	if (connections__count(server->connections))
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
	/* localtime_r(3) reads it when it is first called. */
	tzset();
	sandbox__enter(SANDBOX_HTTP, SANDBOX_NO_EXTRA);
	sem_post(&server->ready);
	while (!server->stopping) {
		h2o_evloop_run(server->context.loop, most_wait_ms(server));
		look(server);
	}
	drain(server);
	close_loop(server);
	return NULL;
}

/* What the thread did not use, or left. */
static void free_server(struct server *server)
{
	for (size_t i = 0; i < server->door_count; i++)
		listener__close(server->doors[i].listener);
	server->door_count = 0;
	/* A connection that is still there points here; the process is about to end. */
	if (server->connections && connections__count(server->connections))
		return;
	connections__free(server->connections);
	access__close(server->routes.access);
	SSL_CTX_free(server->tls);
	request_counts__free(server->routes.counts);
	process_metrics__free(server->routes.process);
	page__free(server->routes.page);
	snapshots__free(server->routes.snapshots);
	free(server);
}

static unsigned int most_connections(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) ||
	    limit.rlim_cur / DESCRIPTORS_SHARE > CONNECTIONS_MAX)
		return CONNECTIONS_MAX;
	/* One at least, or nobody would ever be answered. */
	return limit.rlim_cur / DESCRIPTORS_SHARE ?: 1;
}

static void warn_of_plain_token(const struct server *server, const struct listener *listener)
{
	if (access__has_tokens(server->routes.access) && listener__is_remote(listener) &&
	    !server->tls)
		say("--token-file: at %s tokens cross the network as they are (--tls-cert and --tls-key "
		    "encrypt them)",
		    listener__place(listener));
}

static int open_places(struct server *server, const struct server_options *options, char *why,
		       size_t why_size)
{
	for (size_t i = 0; i < options->place_count; i++) {
		struct door *door = &server->doors[i];

		door->server = server;
		door->listener = listener__open(options->places[i], options->access.allow_remote,
						why, why_size);
		if (!door->listener)
			return -EADDRNOTAVAIL;
		server->door_count++;
		if (access__is_open_to_all(server->routes.access, door->listener,
					   options->tls.client_authority, why, why_size))
			return -EACCES;
		access__add_place(server->routes.access, door->listener);
		warn_of_plain_token(server, door->listener);
	}
	return 0;
}

static struct server *new_server(void)
{
	struct server *server = calloc(1, sizeof(*server));

	if (!server)
		return NULL;
	server->connections = connections__new(on_connection_closed, server);
	server->routes.connections = server->connections;
	server->routes.counts = request_counts__new();
	server->routes.process = process_metrics__new();
	server->routes.page = page__new();
	server->routes.snapshots = snapshots__new(SNAPSHOTS_MAX, SNAPSHOTS_BYTES_MAX);
	if (server->connections && server->routes.counts && server->routes.process &&
	    server->routes.page && server->routes.snapshots)
		return server;
	free_server(server);
	return NULL;
}

struct server *server__open(const struct server_options *options, char *why, size_t why_size)
{
	struct server *server = new_server();

	if (!server) {
		snprintf(why, why_size, "cannot start the server: out of memory");
		return NULL;
	}
	server->routes.profiles_max = options->profiles_max;
	server->routes.access = access__open(&options->access, why, why_size);
	if (!server->routes.access)
		goto fail;
	if (options->tls.certificate) {
		server->tls = tls__open(&options->tls, why, why_size);
		if (!server->tls)
			goto fail;
	}
	if (!open_places(server, options, why, why_size))
		return server;
fail:
	free_server(server);
	return NULL;
}

int server__start(struct server *server, struct agent *agent)
{
	int err;

	server->agent = agent;
	connections__set_max(server->connections, most_connections());
	server->routes.agent = agent;
	sem_init(&server->ready, 0, 0);
	err = pthread_create(&server->thread, NULL, serving_thread, server);
	if (err)
		return -err;
	server->is_started = true;
	while (sem_wait(&server->ready))
		; /* EINTR */
	return 0;
}

void server__describe(const struct server *server, char *text, size_t size)
{
	size_t used = 0;

	*text = '\0';
	for (size_t i = 0; i < server->door_count && used < size; i++) {
		const struct listener *listener = server->doors[i].listener;
		const char *place = listener__place(listener), *before = i ? " and " : "";

		if (listener__is_unix(listener))
			used += snprintf(text + used, size - used, "%s%s", before, place);
		else
			used += snprintf(text + used, size - used, "%s%s://%s/debug/pprof/", before,
					 server->tls ? "https" : "http", place);
	}
}

void server__close(struct server *server)
{
	if (!server)
		return;
	if (server->is_started) {
		h2o_multithread_send_message(&server->stop_receiver, &server->stop_message);
		pthread_join(server->thread, NULL);
		sem_destroy(&server->ready);
	}
	free_server(server);
}
