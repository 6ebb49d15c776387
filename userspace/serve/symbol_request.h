/* SPDX-License-Identifier: Apache-2.0 */
/* A request for the names of addresses: the query's of a GET, the body's of a POST. */
#ifndef EXOPROF_SYMBOL_REQUEST_H
#define EXOPROF_SYMBOL_REQUEST_H

#include "serve/routes.h"

/* Of a body: some 60,000 addresses. */
#define SYMBOL_REQUEST_BODY_MAX (1 << 20)

void symbol_request__start(struct routes *routes, h2o_req_t *req);

#endif
