// SPDX-License-Identifier: Apache-2.0
#include "serve/profile_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/reply.h"
#include "serve/request.h"
#include "serve/waiting.h"

struct profile_request {
	struct waiting waiting;
	struct profile_path path;
	struct profile_query query;
	bool takes_gzip; /* the client */
	bool is_gzipped; /* the answer, though its format is not */
};

static const struct profile_request *request_of(const struct waiting *waiting)
{
	return H2O_STRUCT_FROM_MEMBER(struct profile_request, waiting, waiting);
}

void profile_request__describe(const struct waiting *waiting, char *text, size_t size)
{
	const struct profile_kind *kind = waiting->kind;

	snprintf(text, size, "take the %s profile", kind == &profile_kind_cpu ? "CPU" : kind->name);
}

/* A file of pprof's is gzip by itself, and as Go sends it no encoding is spoken of. */
static bool is_compressible(const struct format *format)
{
	return strcmp(format->name, "pprof");
}

/* A picture may have megabytes: not on the event loop. */
static void compress(struct waiting *waiting)
{
	struct profile_request *request =
		H2O_STRUCT_FROM_MEMBER(struct profile_request, waiting, waiting);
	struct agent_answer *answer = &waiting->answer;

	if (request->takes_gzip && is_compressible(request->query.request.format))
		request->is_gzipped = reply__gzip(&answer->body, &answer->size);
}

static void put_headers(h2o_req_t *req, const struct profile_query *query)
{
	const struct format *format = query->request.format;
	const struct {
		const char *name;
		bool varies;
	} asked[] = {
		{"accept",          query->by_accept       },
		{"accept-encoding", is_compressible(format)},
	};

	for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
		if (asked[i].varies)
			reply__header(req, "vary", asked[i].name);
	}
}

/* pprof saves it; everything else is to be looked at. */
static void put_disposition(h2o_req_t *req, const struct profile_path *path,
			    const struct profile_query *query)
{
	char disposition[64];

	if (strcmp(query->request.format->name, "pprof"))
		return;
	snprintf(disposition, sizeof(disposition), "attachment; filename=\"%s%s\"",
		 path->file ? path->file : path->kind->name, query->is_delta ? "-delta" : "");
	reply__header(req, "content-disposition", disposition);
}

static void reply_profile(struct waiting *waiting)
{
	const struct profile_request *request = request_of(waiting);
	h2o_req_t *req = waiting->req;

	put_headers(req, &request->query);
	put_disposition(req, &request->path, &request->query);
	if (request->is_gzipped)
		reply__header(req, "content-encoding", "gzip");
	waiting__reply_body(waiting, request->query.request.format->content_type);
}

/* The length of a profile is not known before it is taken, and taking one takes its time. */
static void reply_head(h2o_req_t *req, const struct profile_path *path,
		       const struct profile_query *query)
{
	put_headers(req, query);
	put_disposition(req, path, query);
	reply__head(req, query->request.format->content_type);
}

static bool read_query(h2o_req_t *req, const struct profile_path *path, struct profile_query *query)
{
	h2o_iovec_t text = request__query(req);
	struct client_words words = {.query = text.base, .query_length = text.len};
	char why[256];
	ssize_t accept = h2o_find_header(&req->headers, H2O_TOKEN_ACCEPT, -1);
	int status;

	if (accept != -1 && h2o_find_header(&req->headers, H2O_TOKEN_ACCEPT, accept) == -1) {
		words.accept = req->headers.entries[accept].value.base;
		words.accept_length = req->headers.entries[accept].value.len;
	}
	status = profile_query__read(query, path, &words, why, sizeof(why));
	if (status)
		reply__error(req, status, "%s", why);
	return !status;
}

void profile_request__start(struct routes *routes, h2o_req_t *req, const struct profile_path *path)
{
	struct profile_request *request;
	struct profile_query query;

	if (!read_query(req, path, &query))
		return;
	if (waiting__is_refused(routes, req, query.request.seconds))
		return;
	if (reply__is_head(req)) {
		reply_head(req, path, &query);
		return;
	}
	request = calloc(1, sizeof(*request));
	if (!request) {
		reply__error(req, 503, "out of memory");
		return;
	}
	*request = (struct profile_request){
		.waiting = {.routes = routes,
			    .req = req,
			    .kind = path->kind,
			    .prepare = compress,
			    .reply = reply_profile,
			    .describe = profile_request__describe},
		.path = *path,
		.query = query,
		.takes_gzip = reply__takes_gzip(req),
	};
	waiting__start(
		&request->waiting,
		agent__submit(routes->agent, &query.request, waiting__on_done, &request->waiting),
		query.request.seconds);
}
