// SPDX-License-Identifier: Apache-2.0
#include "serve/waiting.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "serve/reply.h"

/* Each may hold a profile of megabytes. */
#define WAITING_MAX 256

bool waiting__is_refused(const struct routes *routes, h2o_req_t *req)
{
	if (routes->stopping) {
		reply__error(req, 503, "exoprof is shutting down");
		return true;
	}
	if (routes->waiting < WAITING_MAX)
		return false;
	reply__header(req, "retry-after", "1");
	reply__error(req, 503, "too many requests at once: %d wait for an answer", WAITING_MAX);
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

static h2o_timeout_t *look_timer(const struct waiting *waiting)
{
	return &waiting->routes->context->one_sec_timeout;
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
 * notice that there is nobody to answer, nor stop sampling for. */
static void on_look(h2o_timeout_entry_t *entry)
{
	struct waiting *waiting = H2O_STRUCT_FROM_MEMBER(struct waiting, look, entry);

	if (has_hung_up(waiting->req->conn))
		agent__end(waiting->routes->agent, waiting->number, false);
	h2o_timeout_link(waiting->routes->context->loop, look_timer(waiting), &waiting->look);
}

/* h2o disposes of the request's pool. If this is still there, the client went away. */
static void on_dispose(void *pointer)
{
	struct waiting **link = pointer;
	struct waiting *waiting = *link;

	if (!waiting)
		return;
	waiting->req = NULL;
	h2o_timeout_unlink(&waiting->look);
	agent__end(waiting->routes->agent, waiting->number, false);
}

static void discard(struct waiting *waiting)
{
	if (waiting->release)
		waiting->release(waiting);
	free(waiting->answer.body);
	free(waiting);
}

void waiting__start(struct waiting *waiting, uint64_t number)
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
	waiting->link = h2o_mem_alloc_shared(&req->pool, sizeof(*waiting->link), on_dispose);
	*waiting->link = waiting;
	waiting->look.cb = on_look;
	/* HTTP/2 is read all the time. */
	if (req->version < 0x200)
		h2o_timeout_link(routes->context->loop, look_timer(waiting), &waiting->look);
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
	if (waiting->req) {
		*waiting->link = NULL;
		h2o_timeout_unlink(&waiting->look);
		if (waiting->answer.err)
			reply_failure(waiting);
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
		finish(waiting);
	}
}
