/* SPDX-License-Identifier: Apache-2.0 */
/* One request for a profile: from the query to the finished bytes. */
#ifndef EXOPROF_PROFILE_REQUEST_H
#define EXOPROF_PROFILE_REQUEST_H

#include "serve/routes.h"

/* Answers the request, now or when the profile is there. */
void profile_request__start(struct routes *routes, h2o_req_t *req, const struct profile_kind *kind);

/* Answers those whose profiles have come in. */
void profile_request__on_finished(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages);

#endif
