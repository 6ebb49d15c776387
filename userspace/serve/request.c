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

bool request__is_foreign(const h2o_req_t *req)
{
	ssize_t at = h2o_find_header_by_str(&req->headers, H2O_STRLIT("origin"), -1);
	const h2o_iovec_t *origin;

	if (at == -1)
		return false;
	origin = &req->headers.entries[at].value;
	return !negotiation__is_of_host(origin->base, origin->len, req->authority.base,
					req->authority.len);
}
