// SPDX-License-Identifier: Apache-2.0
#include "serve/symbol_request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/addresses.h"
#include "serve/reply.h"
#include "serve/request.h"
#include "serve/waiting.h"

#define TEXT "text/plain; charset=utf-8"

/* pprof looks only at whether the number is 0: then there would be no names at all. */
static const char head[] = "num_symbols: 1\n";

struct symbol_request {
	struct waiting waiting;
	bool takes_gzip; /* the client */
	bool is_gzipped; /* the answer */
};

static struct symbol_request *request_of(struct waiting *waiting)
{
	return H2O_STRUCT_FROM_MEMBER(struct symbol_request, waiting, waiting);
}

static void describe(const struct waiting *waiting, char *text, size_t size)
{
	(void)waiting;
	snprintf(text, size, "look the addresses up");
}

/* Names may have megabytes: not on the event loop. */
static void prepare(struct waiting *waiting)
{
	struct symbol_request *request = request_of(waiting);
	struct agent_answer *answer = &waiting->answer;
	size_t head_size = strlen(head);
	char *text = realloc(answer->body, head_size + answer->size);

	if (!text) {
		answer->err = -ENOMEM;
		return;
	}
	memmove(text + head_size, text, answer->size);
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): a body, which has a size */
	memcpy(text, head, head_size);
	answer->body = text;
	answer->size += head_size;
	if (request->takes_gzip)
		request->is_gzipped = reply__gzip(&answer->body, &answer->size);
}

static void reply_names(struct waiting *waiting)
{
	reply__header(waiting->req, "vary", "accept-encoding");
	if (request_of(waiting)->is_gzipped)
		reply__header(waiting->req, "content-encoding", "gzip");
	waiting__reply_body(waiting, TEXT);
}

/* The addresses as the client wrote them. */
static h2o_iovec_t text_of(const h2o_req_t *req)
{
	return request__is(req, "POST") ? req->entity : request__query(req);
}

static void submit(struct routes *routes, h2o_req_t *req, const uint64_t *addresses, size_t count)
{
	struct symbol_request *request = calloc(1, sizeof(*request));

	if (!request) {
		reply__error(req, 503, "out of memory");
		return;
	}
	*request = (struct symbol_request){
		.waiting = {.routes = routes,
			    .req = req,
			    .prepare = prepare,
			    .reply = reply_names,
			    .describe = describe},
		.takes_gzip = reply__takes_gzip(req),
	};
	waiting__start(
		&request->waiting,
		agent__name(routes->agent, addresses, count, waiting__on_done, &request->waiting),
		0);
}

void symbol_request__start(struct routes *routes, h2o_req_t *req)
{
	h2o_iovec_t text = text_of(req);
	uint64_t *addresses;
	size_t count;

	if (reply__is_head(req)) {
		reply__header(req, "vary", "accept-encoding");
		reply__head(req, TEXT);
		return;
	}
	if (text.len > SYMBOL_REQUEST_BODY_MAX) {
		reply__error(req, 413, "more than 1 MiB of addresses: ask for fewer at once");
		return;
	}
	addresses = addresses__read(text.base, text.len, &count);
	if (!addresses)
		reply__error(req, 503, "out of memory");
	else if (!count)
		reply__page(req, TEXT, head, strlen(head));
	else if (!waiting__is_refused(routes, req, 0))
		submit(routes, req, addresses, count);
	free(addresses);
}
