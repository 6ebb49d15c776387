// SPDX-License-Identifier: Apache-2.0
#include "serve/connections.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"

/* h2o gives a request of HTTP/1.1, and a connection of HTTP/2 on which nothing at all comes, 10
 * seconds. This is for what gets around that: a byte or a PING of HTTP/2 now and then. */
#define IDLE_MAX_MS            20000

/* When there is no room. A client that is on its way to its next request is not idle yet, and by
 * then most have read their answer. */
#define CROWDED_MIN_MS         1000

/* An answer must be read at 64 KiB a second on average, half a minute aside. */
#define REPLY_GRACE_MS         30000
#define REPLY_BYTES_A_MS_MIN   64

/* What h2o has of a request while it is answered: its structures, and a piece of its pool. */
#define REQUEST_BYTES          8192

/* Refusals take memory, too. Beyond this there are none. */
#define REFUSALS_MAX           (16UL << 20)

/* What has come in and is no whole request yet, all connections together. */
#define INPUT_MAX              (64UL << 20)

/* Between looks: what comes in meanwhile over loopback is some megabytes. */
#define INPUT_LOOK_INTERVAL_MS 20
#define LOOK_INTERVAL_MS       1000

/* Requests that are begun and given up at once are cheap for HTTP/2 clients, and work for us
 * (CVE-2023-44487). As many as there may be at once. */
#define GIVEN_UP_MAX           100

struct connections {
	h2o_linklist_t all, idle; /* idle: the one that has been so for longest comes first */
	h2o_linklist_t replies;
	void (*on_closed)(void *context);
	void *context;
	unsigned int max;
	int64_t looked_ms, input_looked_ms;
	struct connections_figures figures;
};

struct connection {
	struct connections *connections;
	h2o_linklist_t link, idle_link;
	h2o_socket_t *sock;
	enum connection_kind kind;
	int64_t idle_since_ms;
	unsigned int requests, given_up;
	size_t input_bytes; /* as of the last look */
	bool is_cut;
};

/* In a request's pool: it is under way. */
struct presence {
	struct connection *connection;
};

/* In a request's pool: its answer is. */
struct held_reply {
	h2o_linklist_t link;
	struct connection *connection;
	size_t bytes;
	int64_t began_ms, deadline_ms;
};

const char *connection_end__name(enum connection_end end)
{
	static const char *const names[CONNECTION_ENDS] = {
		[CONNECTION_IDLE] = "idle",       [CONNECTION_CROWDED] = "crowded",
		[CONNECTION_SLOW] = "slow",       [CONNECTION_GREEDY] = "greedy",
		[CONNECTION_FICKLE] = "given_up",
	};

	return names[end];
}

struct connections *connections__new(void (*on_closed)(void *context), void *context)
{
	struct connections *connections = calloc(1, sizeof(*connections));

	if (!connections)
		return NULL;
	h2o_linklist_init_anchor(&connections->all);
	h2o_linklist_init_anchor(&connections->idle);
	h2o_linklist_init_anchor(&connections->replies);
	connections->on_closed = on_closed;
	connections->context = context;
	return connections;
}

void connections__free(struct connections *connections)
{
	free(connections);
}

void connections__set_max(struct connections *connections, unsigned int max)
{
	connections->max = max;
}

unsigned int connections__count(const struct connections *connections)
{
	return connections->figures.open;
}

void connections__figures(const struct connections *connections,
			  struct connections_figures *figures)
{
	*figures = connections->figures;
}

/* h2o's own wants it to be in one. */
static void leave_list(h2o_linklist_t *link)
{
	if (h2o_linklist_is_linked(link))
		h2o_linklist_unlink(link);
}

static void cut(struct connection *connection, enum connection_end end)
{
	if (connection->is_cut)
		return;
	connection->is_cut = true;
	connection->connections->figures.cut[end]++;
	leave_list(&connection->idle_link);
	shutdown(h2o_socket_get_fd(connection->sock), SHUT_RDWR);
}

static void begin_idle(struct connection *connection)
{
	if (connection->is_cut)
		return;
	connection->idle_since_ms = clock__monotonic_ms();
	h2o_linklist_insert(&connection->connections->idle, &connection->idle_link);
}

static void on_close(void *data)
{
	struct connection *connection = data;
	struct connections *connections = connection->connections;

	h2o_linklist_unlink(&connection->link);
	leave_list(&connection->idle_link);
	free(connection);
	connections->figures.open--;
	connections->on_closed(connections->context);
}

/* Cuts the one that has been idle for longest, since then or before. */
static bool cut_idle(struct connections *connections, int64_t since_ms, enum connection_end end)
{
	struct connection *connection;

	if (h2o_linklist_is_empty(&connections->idle))
		return false;
	connection = H2O_STRUCT_FROM_MEMBER(struct connection, idle_link, connections->idle.next);
	if (connection->idle_since_ms > since_ms)
		return false;
	cut(connection, end);
	return true;
}

/* Cuts the one that has been reading an answer for longest, since then or before. */
static void cut_reader(struct connections *connections, int64_t since_ms)
{
	h2o_linklist_t *node;

	for (node = connections->replies.next; node != &connections->replies; node = node->next) {
		struct held_reply *reply = H2O_STRUCT_FROM_MEMBER(struct held_reply, link, node);

		if (reply->connection->is_cut)
			continue;
		if (reply->began_ms <= since_ms)
			cut(reply->connection, CONNECTION_CROWDED);
		return;
	}
}

bool connections__has_room(struct connections *connections)
{
	int64_t now_ms = clock__monotonic_ms();

	if (connections->figures.open < connections->max)
		return true;
	if (!cut_idle(connections, now_ms - CROWDED_MIN_MS, CONNECTION_CROWDED))
		cut_reader(connections, now_ms - CROWDED_MIN_MS);
	return false;
}

bool connections__add(struct connections *connections, h2o_socket_t *sock,
		      enum connection_kind kind)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (!connection) {
		h2o_socket_close(sock);
		return false;
	}
	connection->connections = connections;
	connection->sock = sock;
	connection->kind = kind;
	h2o_linklist_insert(&connections->all, &connection->link);
	begin_idle(connection);
	connections->figures.open++;
	sock->on_close.cb = on_close;
	sock->on_close.data = connection;
	return true;
}

static struct connection *connection_of(const h2o_req_t *req)
{
	return req->conn->callbacks->get_socket(req->conn)->on_close.data;
}

enum connection_kind connection__kind(const h2o_req_t *req)
{
	return connection_of(req)->kind;
}

static void on_request_gone(void *pointer)
{
	struct connection *connection = ((struct presence *)pointer)->connection;

	connection->connections->figures.reply_bytes -= REQUEST_BYTES;
	if (!--connection->requests)
		begin_idle(connection);
}

bool connection__begin_request(h2o_req_t *req)
{
	struct connection *connection = connection_of(req);
	struct connections *connections = connection->connections;
	struct presence *presence =
		h2o_mem_alloc_shared(&req->pool, sizeof(*presence), on_request_gone);

	presence->connection = connection;
	connection->requests++;
	leave_list(&connection->idle_link);
	connections->figures.reply_bytes += REQUEST_BYTES;
	if (connections->figures.reply_bytes > CONNECTIONS_REPLIES_MAX + REFUSALS_MAX)
		cut(connection, CONNECTION_GREEDY);
	return connections->figures.reply_bytes <= CONNECTIONS_REPLIES_MAX;
}

bool connection__has_room_for(const h2o_req_t *req, size_t bytes)
{
	size_t used = connection_of(req)->connections->figures.reply_bytes;

	return used <= CONNECTIONS_REPLIES_MAX && bytes <= CONNECTIONS_REPLIES_MAX - used;
}

static void on_reply_gone(void *pointer)
{
	struct held_reply *reply = pointer;

	h2o_linklist_unlink(&reply->link);
	reply->connection->connections->figures.reply_bytes -= reply->bytes;
}

void connection__hold_reply(h2o_req_t *req, size_t bytes)
{
	struct held_reply *reply = h2o_mem_alloc_shared(&req->pool, sizeof(*reply), on_reply_gone);
	struct connection *connection = connection_of(req);
	struct connections *connections = connection->connections;
	int64_t now_ms = clock__monotonic_ms();

	*reply = (struct held_reply){
		.connection = connection,
		.bytes = bytes,
		.began_ms = now_ms,
		.deadline_ms = now_ms + REPLY_GRACE_MS + bytes / REPLY_BYTES_A_MS_MIN,
	};
	h2o_linklist_insert(&connections->replies, &reply->link);
	connections->figures.reply_bytes += bytes;
}

void connection__count_given_up(const h2o_req_t *req)
{
	struct connection *connection = connection_of(req);

	if (++connection->given_up > GIVEN_UP_MAX)
		cut(connection, CONNECTION_FICKLE);
}

static void cut_slow(struct connections *connections, int64_t now_ms)
{
	h2o_linklist_t *node;

	for (node = connections->replies.next; node != &connections->replies; node = node->next) {
		struct held_reply *reply = H2O_STRUCT_FROM_MEMBER(struct held_reply, link, node);

		if (reply->deadline_ms < now_ms)
			cut(reply->connection, CONNECTION_SLOW);
	}
}

/* A request of HTTP/2 whose body is still coming has it where only h2o can see: it counts for the
 * most that it may be. What was cut is on its way out. */
static int count_body(h2o_req_t *req, void *data)
{
	size_t *total = data;

	if (req->pathconf || !req->input.method.base || connection_of(req)->is_cut)
		return 0;
	connection_of(req)->input_bytes += req->conn->ctx->globalconf->max_request_entity_size;
	*total += req->conn->ctx->globalconf->max_request_entity_size;
	return 0;
}

static size_t count_input(struct connections *connections, h2o_context_t *context)
{
	h2o_linklist_t *node;
	size_t total = 0;

	for (node = connections->all.next; node != &connections->all; node = node->next) {
		struct connection *connection =
			H2O_STRUCT_FROM_MEMBER(struct connection, link, node);

		connection->input_bytes = connection->sock->input->capacity;
		if (!connection->is_cut)
			total += connection->input_bytes;
	}
	context->globalconf->http2.callbacks.foreach_request(context, count_body, &total);
	return total;
}

static struct connection *greediest(const struct connections *connections)
{
	struct connection *most = NULL;
	h2o_linklist_t *node;

	for (node = connections->all.next; node != &connections->all; node = node->next) {
		struct connection *connection =
			H2O_STRUCT_FROM_MEMBER(struct connection, link, node);

		if (!connection->is_cut && (!most || connection->input_bytes > most->input_bytes))
			most = connection;
	}
	return most;
}

static void cut_greedy(struct connections *connections, h2o_context_t *context)
{
	size_t total = count_input(connections, context);

	while (total > INPUT_MAX) {
		struct connection *connection = greediest(connections);

		if (!connection)
			return;
		cut(connection, CONNECTION_GREEDY);
		total -= connection->input_bytes;
	}
}

void connections__look(struct connections *connections, h2o_context_t *context)
{
	int64_t now_ms = clock__monotonic_ms();

	if (now_ms >= connections->input_looked_ms + INPUT_LOOK_INTERVAL_MS) {
		connections->input_looked_ms = now_ms;
		cut_greedy(connections, context);
	}
	if (now_ms < connections->looked_ms + LOOK_INTERVAL_MS)
		return;
	connections->looked_ms = now_ms;
	while (cut_idle(connections, now_ms - IDLE_MAX_MS, CONNECTION_IDLE))
		;
	cut_slow(connections, now_ms);
}
