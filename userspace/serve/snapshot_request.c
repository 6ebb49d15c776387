// SPDX-License-Identifier: Apache-2.0
#include "serve/snapshot_request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/profile_request.h"
#include "serve/reply.h"
#include "serve/request.h"
#include "serve/snapshot_list.h"
#include "serve/waiting.h"

#define JSON "application/json"

/* A profile that is being taken. */
struct snapshot_taking {
	struct waiting waiting;
	char query[SNAPSHOT_QUERY_BYTES];
};

void snapshot_request__refuse_gone(const struct routes *routes, h2o_req_t *req, uint64_t id)
{
	if (snapshots__has_had(routes->snapshots, id))
		reply__error(req, 404,
			     "snapshot %" PRIu64
			     " is gone: it was deleted, or had to make room (at "
			     "most %d are kept, of %zu MiB together)",
			     id, SNAPSHOTS_MAX, SNAPSHOTS_BYTES_MAX >> 20);
	else
		reply__error(req, 404, "there never was a snapshot %" PRIu64, id);
}

static void reply_entry(h2o_req_t *req, const struct snapshot *snapshot)
{
	char location[64];
	size_t size;
	char *json = snapshot_list__entry(snapshot, &size);

	if (!json) {
		reply__error(req, 503, "out of memory");
		return;
	}
	snprintf(location, sizeof(location), "/api/snapshots/%" PRIu64, snapshot->id);
	reply__header(req, "location", location);
	reply__bytes(req, 201, JSON, json, size);
	free(json);
}

static const struct snapshot *keep(struct snapshot_taking *taking)
{
	struct waiting *waiting = &taking->waiting;
	struct agent_answer *answer = &waiting->answer;
	const struct process *process = agent__process(waiting->routes->agent);
	struct snapshot described = {
		.kind = waiting->kind,
		.pid = process__pid(process),
		.time_ns = answer->time_ns,
		.duration_ns = answer->duration_ns,
		.outcome = answer->outcome,
	};
	char *bytes = answer->body;

	snprintf(described.query, sizeof(described.query), "%s", taking->query);
	snprintf(described.title, sizeof(described.title), "%s", answer->title);
	process__comm(process, described.name);
	answer->body = NULL;
	return snapshots__add(waiting->routes->snapshots, &described, bytes, answer->size);
}

static void reply_taken(struct waiting *waiting)
{
	struct snapshot_taking *taking =
		H2O_STRUCT_FROM_MEMBER(struct snapshot_taking, waiting, waiting);
	const struct snapshot *snapshot = keep(taking);

	if (snapshot)
		reply_entry(waiting->req, snapshot);
	else if (errno == EFBIG)
		reply__error(waiting->req, 413,
			     "the profile has %zu MiB, and at most %zu MiB are kept",
			     waiting->answer.size >> 20, SNAPSHOTS_BYTES_MAX >> 20);
	else
		reply__error(waiting->req, 503, "out of memory");
}

static const struct profile_kind *read_kind(h2o_req_t *req)
{
	const struct profile_kind *kind;
	char name[32];

	if (!request__parameter(req, "profile", name, sizeof(name))) {
		reply__error(req, 400,
			     "profile: which kind? Give profile, heap, block, ...: any "
			     "that /debug/pprof/ has");
		return NULL;
	}
	kind = profile_kind__find(name);
	if (!kind)
		reply__error(req, 400, "profile: there is no kind \"%s\"", name);
	return kind;
}

/* What is asked for, in the words of the request; pprof is what is kept, whatever it accepts. */
static bool read_request(h2o_req_t *req, const struct profile_kind *kind,
			 struct agent_request *request)
{
	struct profile_path path = {.kind = kind};
	h2o_iovec_t text = request__query(req);
	struct client_words words = {.query = text.base, .query_length = text.len};
	struct profile_query query;
	char why[256];
	int status;

	if (request__parameter(req, "format", why, sizeof(why)) ||
	    request__parameter(req, "debug", why, sizeof(why))) {
		reply__error(req, 400,
			     "a snapshot is kept as pprof: give the format when reading "
			     "it");
		return false;
	}
	status = profile_query__read(&query, &path, &words, why, sizeof(why));
	if (status)
		reply__error(req, status, "%s", why);
	*request = query.request;
	return !status;
}

/* The query without the kind, as it was sent. */
static void keep_query(const h2o_req_t *req, char query[SNAPSHOT_QUERY_BYTES])
{
	static const char skipped[] = "profile=";
	h2o_iovec_t text = request__query(req);
	const char *at = text.base, *end = text.base + text.len;
	size_t used = 0;

	while (at < end) {
		const char *next = memchr(at, '&', end - at) ?: end;
		size_t length = next - at;

		if ((length < strlen(skipped) || memcmp(at, skipped, strlen(skipped))) &&
		    used + length + 2 <= SNAPSHOT_QUERY_BYTES)
			used += sprintf(query + used, "%s%.*s", used ? "&" : "", (int)length, at);
		at = next + 1;
	}
}

void snapshot_request__take(struct routes *routes, h2o_req_t *req)
{
	const struct profile_kind *kind = read_kind(req);
	struct snapshot_taking *taking;
	struct agent_request request;

	if (!kind || !read_request(req, kind, &request) ||
	    waiting__is_refused(routes, req, request.seconds))
		return;
	taking = calloc(1, sizeof(*taking));
	if (!taking) {
		reply__error(req, 503, "out of memory");
		return;
	}
	taking->waiting = (struct waiting){
		.routes = routes,
		.req = req,
		.kind = kind,
		.reply = reply_taken,
		.describe = profile_request__describe,
	};
	keep_query(req, taking->query);
	waiting__start(&taking->waiting,
		       agent__submit(routes->agent, &request, waiting__on_done, &taking->waiting),
		       request.seconds);
}

void snapshot_request__list(struct routes *routes, h2o_req_t *req)
{
	size_t size;
	char *json = snapshot_list__all(routes->snapshots, &size);

	if (json)
		reply__page(req, JSON, json, size);
	else
		reply__error(req, 503, "out of memory");
	free(json);
}

void snapshot_request__delete(struct routes *routes, h2o_req_t *req, uint64_t id)
{
	if (snapshots__remove(routes->snapshots, id))
		snapshot_request__refuse_gone(routes, req, id);
	else
		reply__empty(req, 204);
}
