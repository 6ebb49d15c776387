// SPDX-License-Identifier: Apache-2.0
/* A request waits in a job that outlives it if the client goes away: the agent always finishes what
 * it was asked for, the job's message brings it back to the event loop, and there it is known
 * whether anybody still waits. */
#include "serve/profile_request.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "serve/query.h"
#include "serve/reply.h"

/* As Go has it. */
#define DEFAULT_SECONDS 30
#define SECONDS_MAX     86400

struct job {
	h2o_multithread_message_t message;
	struct routes *routes;
	h2o_req_t *req;    /* NULL once the client is gone */
	struct job **link; /* in the request's pool; NULL there once the job is gone */
	const struct profile_kind *kind;
	const struct format *format;
	bool is_delta;
	struct agent_answer answer;
	uint64_t number;
	h2o_timeout_entry_t look; /* for a client that has hung up */
};

static bool get(const h2o_req_t *req, const char *name, char *value, size_t size)
{
	if (req->query_at == SIZE_MAX)
		return false;
	return query__get(req->path.base + req->query_at + 1, req->path.len - req->query_at - 1,
			  name, value, size);
}

/* Of `profile`: what is missing, not a number or not positive means the default. */
static bool cpu_seconds(h2o_req_t *req, uint32_t *seconds)
{
	char text[32];
	long value = 0;

	if (!get(req, "seconds", text, sizeof(text)) || !query__integer(text, &value) || value <= 0)
		value = DEFAULT_SECONDS;
	if (value > SECONDS_MAX) {
		reply__error(req, 400, "seconds=%ld is too long: at most %d", value, SECONDS_MAX);
		return false;
	}
	*seconds = value;
	return true;
}

/* Of a snapshot profile: missing means since the attach, anything else must be right. */
static bool snapshot_seconds(h2o_req_t *req, uint32_t *seconds)
{
	char text[32];
	long value = 0;

	*seconds = 0;
	if (!get(req, "seconds", text, sizeof(text)) || !*text)
		return true;
	if (!query__integer(text, &value) || value <= 0 || value > SECONDS_MAX) {
		reply__error(req, 400,
			     "invalid value for \"seconds\" - must be a positive integer, at most "
			     "%d",
			     SECONDS_MAX);
		return false;
	}
	*seconds = value;
	return true;
}

/* Go answers debug=1 with text for people. That form is not there yet; folded stacks are. */
static bool check_debug(h2o_req_t *req, uint32_t seconds)
{
	char text[32];
	long value = 0;

	if (!get(req, "debug", text, sizeof(text)) || !query__integer(text, &value) || !value)
		return true;
	if (seconds)
		reply__error(req, 400, "seconds and debug params are incompatible");
	else
		reply__error(req, 400, "debug=%ld is not available: for text, use format=folded",
			     value);
	return false;
}

static bool preattach(h2o_req_t *req, struct agent_request *request)
{
	char text[32];
	long value = 0;

	if (!get(req, "preattach", text, sizeof(text)))
		return true;
	if (!query__integer(text, &value) || value < 0 || value > 1) {
		reply__error(req, 400, "invalid value for \"preattach\" - must be 0 or 1");
		return false;
	}
	if (value && request->seconds) {
		reply__error(req, 400,
			     "seconds and preattach params are incompatible: nothing from "
			     "before is part of a difference");
		return false;
	}
	request->preattach = value;
	return true;
}

static bool find_format(h2o_req_t *req, const struct profile_kind *kind,
			const struct format **format)
{
	char name[32];

	if (!get(req, "format", name, sizeof(name)))
		strcpy(name, "pprof");
	*format = format__by_name(name);
	if (!*format)
		reply__error(req, 400, "unknown format \"%s\": use one of %s", name,
			     format__names());
	else if (!format__is_for(*format, kind->name))
		reply__error(req, 400, "format \"%s\" is for %s profiles only", name,
			     (*format)->only_kind);
	return *format && format__is_for(*format, kind->name);
}

static bool read_query(h2o_req_t *req, struct agent_request *request)
{
	if (profile_kind__takes_time(request->kind)) {
		if (!cpu_seconds(req, &request->seconds))
			return false;
	} else if (!snapshot_seconds(req, &request->seconds) ||
		   !check_debug(req, request->seconds) || !preattach(req, request)) {
		return false;
	}
	return find_format(req, request->kind, &request->format);
}

/* On one of the agent's threads. */
static void on_done(void *context, const struct agent_answer *answer)
{
	struct job *job = context;

	job->answer = *answer;
	h2o_multithread_send_message(&job->routes->finished, &job->message);
}

static h2o_timeout_t *look_timer(const struct job *job)
{
	return &job->routes->context->one_sec_timeout;
}

/* While it waits for an answer h2o 2.2 does not read from an HTTP/1 connection, and would not
 * notice that there is nobody to answer, nor stop sampling for. A connection that the client has
 * closed reads as empty. */
static void on_look(h2o_timeout_entry_t *entry)
{
	struct job *job = H2O_STRUCT_FROM_MEMBER(struct job, look, entry);
	h2o_conn_t *conn = job->req->conn;
	int fd = h2o_socket_get_fd(conn->callbacks->get_socket(conn));
	char byte;

	if (recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
		agent__end(job->routes->agent, job->number, false);
	else
		h2o_timeout_link(job->routes->context->loop, look_timer(job), &job->look);
}

/* h2o disposes of the request's pool. If the job is still there, the client went away. */
static void on_dispose(void *pointer)
{
	struct job **job = pointer;

	if (!*job)
		return;
	(*job)->req = NULL;
	h2o_timeout_unlink(&(*job)->look);
	agent__end((*job)->routes->agent, (*job)->number, false);
}

void profile_request__start(struct routes *routes, h2o_req_t *req, const struct profile_kind *kind)
{
	struct agent_request request = {.kind = kind};
	struct job *job;

	if (!read_query(req, &request))
		return;
	if (routes->stopping) {
		reply__error(req, 503, "exoprof is shutting down");
		return;
	}
	/* The length of a profile is not known before it is taken, and taking one takes its time.
	 */
	if (h2o_memis(req->method.base, req->method.len, H2O_STRLIT("HEAD"))) {
		reply__bytes(req, 200, request.format->content_type, "", 0);
		return;
	}
	job = calloc(1, sizeof(*job));
	if (!job) {
		reply__error(req, 503, "out of memory");
		return;
	}
	job->routes = routes;
	job->req = req;
	job->kind = kind;
	job->format = request.format;
	job->is_delta = !profile_kind__takes_time(kind) && request.seconds;
	job->number = agent__submit(routes->agent, &request, on_done, job);
	if (!job->number) {
		free(job);
		reply__error(req, 503, "out of memory");
		return;
	}
	routes->waiting++;
	job->link = h2o_mem_alloc_shared(&req->pool, sizeof(*job->link), on_dispose);
	*job->link = job;
	job->look.cb = on_look;
	/* HTTP/2 is read all the time. */
	if (req->version < 0x200)
		h2o_timeout_link(routes->context->loop, look_timer(job), &job->look);
}

static void reply_failure(const struct job *job)
{
	const char *name = job->kind->name;
	struct heap_state heap;

	switch (job->answer.err) {
	case -ENODATA:
		agent__heap(job->routes->agent, &heap);
		reply__error(job->req, 500, "Could not take the %s profile: %s", name, heap.text);
		break;
	case -ESRCH:
		reply__error(job->req, 500, "Could not take the %s profile: the target has exited",
			     name);
		break;
	case -ECANCELED:
		reply__error(job->req, 503, "exoprof is shutting down");
		break;
	default:
		reply__error(job->req, 500, "Could not take the %s profile: %s", name,
			     strerror(-job->answer.err));
	}
}

static void reply_profile(const struct job *job)
{
	char disposition[64];

	/* pprof saves it; a flame graph is to be looked at. */
	if (!strcmp(job->format->name, "pprof")) {
		snprintf(disposition, sizeof(disposition), "attachment; filename=\"%s%s\"",
			 job->kind->name, job->is_delta ? "-delta" : "");
		reply__header(job->req, "content-disposition", disposition);
	}
	reply__bytes(job->req, 200, job->format->content_type, job->answer.body, job->answer.size);
}

static void finish(struct job *job)
{
	job->routes->waiting--;
	if (job->req) {
		*job->link = NULL;
		h2o_timeout_unlink(&job->look);
		if (job->answer.err)
			reply_failure(job);
		else
			reply_profile(job);
	}
	free(job->answer.body);
}

void profile_request__on_finished(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
	(void)receiver;
	while (!h2o_linklist_is_empty(messages)) {
		struct job *job = H2O_STRUCT_FROM_MEMBER(struct job, message.link, messages->next);

		h2o_linklist_unlink(&job->message.link);
		finish(job);
		free(job);
	}
}
