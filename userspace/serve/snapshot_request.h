/* SPDX-License-Identifier: Apache-2.0 */
/* Requests about the profiles that are kept. */
#ifndef EXOPROF_SNAPSHOT_REQUEST_H
#define EXOPROF_SNAPSHOT_REQUEST_H

#include "serve/routes.h"

/* Takes a profile, as a request for one of that kind would, and keeps it. */
void snapshot_request__take(struct routes *routes, h2o_req_t *req);

/* Answers with a kept one, in any format; or with what has changed since another one. */
void snapshot_request__read(struct routes *routes, h2o_req_t *req, uint64_t id);

void snapshot_request__list(struct routes *routes, h2o_req_t *req);
void snapshot_request__delete(struct routes *routes, h2o_req_t *req, uint64_t id);

/* The answer to a request for one that is not there. */
void snapshot_request__refuse_gone(const struct routes *routes, h2o_req_t *req, uint64_t id);

#endif
