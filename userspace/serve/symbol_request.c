// SPDX-License-Identifier: Apache-2.0
#include "serve/symbol_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/addresses.h"
#include "serve/reply.h"
#include "serve/waiting.h"

#define TEXT "text/plain; charset=utf-8"

/* pprof looks only at whether the number is 0: then there would be no names at all. */
static const char head[] = "num_symbols: 1\n";

static void describe(const struct waiting *waiting, char *text, size_t size)
{
	(void)waiting;
	snprintf(text, size, "look the addresses up");
}

static void reply_names(struct waiting *waiting)
{
	const struct agent_answer *answer = &waiting->answer;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out) {
		fputs(head, out);
		fwrite(answer->body, 1, answer->size, out);
	}
	if (out && !fclose(out))
		reply__page(waiting->req, TEXT, text, size);
	else
		reply__error(waiting->req, 503, "out of memory");
	free(text);
}

/* The addresses as the client wrote them. */
static h2o_iovec_t text_of(const h2o_req_t *req)
{
	if (h2o_memis(req->method.base, req->method.len, H2O_STRLIT("POST")))
		return req->entity;
	if (req->query_at == SIZE_MAX)
		return h2o_iovec_init(NULL, 0);
	return h2o_iovec_init(req->path.base + req->query_at + 1,
			      req->path.len - req->query_at - 1);
}

static void submit(struct routes *routes, h2o_req_t *req, const uint64_t *addresses, size_t count)
{
	struct waiting *waiting = calloc(1, sizeof(*waiting));

	if (!waiting) {
		reply__error(req, 503, "out of memory");
		return;
	}
	waiting->routes = routes;
	waiting->req = req;
	waiting->reply = reply_names;
	waiting->describe = describe;
	waiting__start(waiting,
		       agent__name(routes->agent, addresses, count, waiting__on_done, waiting));
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
	addresses = addresses__read(text.base, text.len, &count);
	if (!addresses)
		reply__error(req, 503, "out of memory");
	else if (!count)
		reply__page(req, TEXT, head, strlen(head));
	else if (routes->stopping)
		reply__error(req, 503, "exoprof is shutting down");
	else
		submit(routes, req, addresses, count);
	free(addresses);
}
