// SPDX-License-Identifier: Apache-2.0
#include "serve/request.h"

#include <string.h>

#include "serve/negotiation.h"
#include "serve/query.h"

bool request__is(const h2o_req_t *req, const char *method)
{
	return h2o_memis(req->method.base, req->method.len, method, strlen(method));
}

h2o_iovec_t request__query(const h2o_req_t *req)
{
	if (req->query_at == SIZE_MAX)
		return h2o_iovec_init(NULL, 0);
	return h2o_iovec_init(req->path.base + req->query_at + 1,
			      req->path.len - req->query_at - 1);
}

bool request__parameter(const h2o_req_t *req, const char *name, char *value, size_t size)
{
	h2o_iovec_t query = request__query(req);

	return query.len && query__get(query.base, query.len, name, value, size);
}

static const h2o_iovec_t *header_of(const h2o_req_t *req, const char *name)
{
	ssize_t at = h2o_find_header_by_str(&req->headers, name, strlen(name), -1);

	return at == -1 ? NULL : &req->headers.entries[at].value;
}

static bool is(const h2o_iovec_t *value, const char *text)
{
	return value && h2o_memis(value->base, value->len, text, strlen(text));
}

/* Of what only reads, such as an <img>, a browser tells no origin, but where the page is that has
 * it. To go where a link leads is its user's wish. */
static bool is_part_of_foreign_page(const h2o_req_t *req)
{
	const h2o_iovec_t *site = header_of(req, "sec-fetch-site");

	return site && !is(site, "same-origin") && !is(site, "none") &&
	       !is(header_of(req, "sec-fetch-dest"), "document");
}

bool request__is_foreign(const h2o_req_t *req)
{
	const h2o_iovec_t *origin = header_of(req, "origin");

	if (!origin)
		return is_part_of_foreign_page(req);
	return !negotiation__is_of_host(origin->base, origin->len, req->authority.base,
					req->authority.len);
}
