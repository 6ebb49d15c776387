// SPDX-License-Identifier: Apache-2.0
#include "serve/waiting.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "serve/connections.h"
#include "serve/reply.h"

/* Until the first of the profiles that take time should be over; seconds, 1 at least. */
static unsigned int seconds_to_wait(const struct routes *routes)
{
	int64_t now_ms = clock__monotonic_ms(), first_ms = INT64_MAX;
	const h2o_linklist_t *node;

	for (node = routes->waiters.next; node != &routes->waiters; node = node->next) {
		const struct waiting *waiting =
			H2O_STRUCT_FROM_MEMBER(struct waiting, link_of_all, node);

		if (waiting->ends_ms && waiting->ends_ms < first_ms)
			first_ms = waiting->ends_ms;
	}
	return first_ms > now_ms && first_ms < INT64_MAX ? (first_ms - now_ms + 999) / 1000 : 1;
}

static void retry_after(h2o_req_t *req, unsigned int seconds)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", seconds);
	reply__header(req, "retry-after", text);
}

static void refuse_profile(const struct routes *routes, h2o_req_t *req)
{
	unsigned int seconds = seconds_to_wait(routes);

	retry_after(req, seconds);
	reply__error(
		req, 429,
		"%u profiles are being taken, and there may be no more at once (--max-profiles): "
		"the first of them ends in %u s",
		routes->profiles, seconds);
}

static void refuse_instant(h2o_req_t *req)
{
	retry_after(req, 1);
	reply__error(req, 429, "too many requests at once: %d wait for an answer",
		     WAITING_INSTANTS_MAX);
}

void waiting__refuse_memory(h2o_req_t *req)
{
	retry_after(req, 1);
	reply__error(req, 503,
		     "answers of %lu MiB are on their way to clients, and there may be no more at "
		     "once",
		     CONNECTIONS_REPLIES_MAX >> 20);
}

bool waiting__is_refused(const struct routes *routes, h2o_req_t *req, uint32_t seconds)
{
	if (routes->stopping)
		reply__error(req, 503, "exoprof is shutting down");
	else if (seconds && routes->profiles >= routes->profiles_max)
		refuse_profile(routes, req);
	else if (!seconds && routes->waiting - routes->profiles >= WAITING_INSTANTS_MAX)
		refuse_instant(req);
	else
		return false;
	return true;
}

void waiting__on_done(void *context, const struct agent_answer *answer)
{
	struct waiting *waiting = context;

	waiting->answer = *answer;
	if (!answer->err && waiting->prepare)
		waiting->prepare(waiting);
	h2o_multithread_send_message(&waiting->routes->finished, &waiting->message);
}

/* Whether the client has closed the connection, or its side of it, whatever it sent before: under
 * TLS that is at least a close_notify, which is never read here. */
static bool has_hung_up(h2o_conn_t *conn)
{
	struct pollfd fd = {
		.fd = h2o_socket_get_fd(conn->callbacks->get_socket(conn)),
		.events = POLLRDHUP,
	};

	return poll(&fd, 1, 0) == 1;
}

/* While it waits for an answer h2o 2.2 does not read from an HTTP/1 connection, and would not
 * notice that there is nobody to answer, nor stop sampling for. HTTP/2 is read all the time. */
void waiting__look(struct routes *routes)
{
	h2o_linklist_t *node;

	for (node = routes->waiters.next; node != &routes->waiters; node = node->next) {
		struct waiting *waiting = H2O_STRUCT_FROM_MEMBER(struct waiting, link_of_all, node);

		if (waiting->req && waiting->req->version < 0x200 &&
		    has_hung_up(waiting->req->conn))
			agent__end(routes->agent, waiting->number, false);
	}
}

/* h2o disposes of the request's pool. If this is still there, the client went away. */
static void on_dispose(void *pointer)
{
	struct waiting **link = pointer;
	struct waiting *waiting = *link;

	if (!waiting)
		return;
	connection__count_given_up(waiting->req);
	waiting->req = NULL;
	agent__end(waiting->routes->agent, waiting->number, false);
}

static void discard(struct waiting *waiting)
{
	if (waiting->release)
		waiting->release(waiting);
	free(waiting->answer.body);
	free(waiting);
}

void waiting__start(struct waiting *waiting, uint64_t number, uint32_t seconds)
{
	struct routes *routes = waiting->routes;
	h2o_req_t *req = waiting->req;

	if (!number) {
		discard(waiting);
		reply__error(req, 503, "out of memory");
		return;
	}
	waiting->number = number;
	routes->waiting++;
	if (seconds) {
		routes->profiles++;
		waiting->ends_ms = clock__monotonic_ms() + seconds * INT64_C(1000);
	}
	h2o_linklist_insert(&routes->waiters, &waiting->link_of_all);
	waiting->link = h2o_mem_alloc_shared(&req->pool, sizeof(*waiting->link), on_dispose);
	*waiting->link = waiting;
}

static void reply_failure(const struct waiting *waiting)
{
	h2o_req_t *req = waiting->req;
	char what[96], why[1024];

	waiting->describe(waiting, what, sizeof(what));
	switch (waiting->answer.err) {
	case -ENODATA:
		agent__why_not(waiting->routes->agent, waiting->kind, why, sizeof(why));
		reply__error(req, 500, "Could not %s: %s", what, why);
		break;
	case -EOPNOTSUPP:
		reply__error(req, 500, "Could not %s: it is not to be had on this machine", what);
		break;
	case -ESRCH:
		reply__error(req, 500, "Could not %s: the target has exited", what);
		break;
	case -EMFILE:
		reply__error(req, 500,
			     "Could not %s: %s (raise the limit with ulimit -n, and start exoprof "
			     "again)",
			     what, strerror(EMFILE));
		break;
	case -EMSGSIZE:
		reply__error(req, 413,
			     "Could not %s: the answer would have more than %d MiB (ask for "
			     "fewer at once)",
			     what, AGENT_NAMES_MAX >> 20);
		break;
	case -ECANCELED:
		reply__error(req, 503, "exoprof is shutting down");
		break;
	case -EACCES:
		reply__error(req, 500,
			     "Could not %s: Permission denied (exoprof check says what is missing)",
			     what);
		break;
	default:
		reply__error(req, 500, "Could not %s: %s", what, strerror(-waiting->answer.err));
	}
}

void waiting__reply_body(struct waiting *waiting, const char *content_type)
{
	char *body = waiting->answer.body;

	waiting->answer.body = NULL;
	reply__held(waiting->req, content_type, body, waiting->answer.size, free, body);
}

static void finish(struct waiting *waiting)
{
	waiting->routes->waiting--;
	waiting->routes->profiles -= waiting->ends_ms != 0;
	h2o_linklist_unlink(&waiting->link_of_all);
	if (waiting->req) {
		*waiting->link = NULL;
		if (waiting->answer.err)
			reply_failure(waiting);
		else if (!connection__has_room_for(waiting->req, waiting->answer.size))
			waiting__refuse_memory(waiting->req);
		else
			waiting->reply(waiting);
	}
	discard(waiting);
}

void waiting__on_finished(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
	(void)receiver;
	while (!h2o_linklist_is_empty(messages)) {
		struct waiting *waiting =
			H2O_STRUCT_FROM_MEMBER(struct waiting, message.link, messages->next);

		h2o_linklist_unlink(&waiting->message.link);
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it was unlinked */
		finish(waiting);
	}
}
