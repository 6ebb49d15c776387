/* SPDX-License-Identifier: Apache-2.0 */
/* A request for a profile: its parameters, the wait for the agent, the answer. */
#ifndef EXOPROF_PROFILE_REQUEST_H
#define EXOPROF_PROFILE_REQUEST_H

#include "serve/profile_query.h"
#include "serve/routes.h"
#include "serve/waiting.h"

/* Answers at once where the parameters are wrong, else when the profile is there. */
void profile_request__start(struct routes *routes, h2o_req_t *req, const struct profile_path *path);

/* What any request that has a profile of its kind taken says when that fails. */
void profile_request__describe(const struct waiting *waiting, char *text, size_t size);

#endif
