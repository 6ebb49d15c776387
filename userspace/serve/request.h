/* SPDX-License-Identifier: Apache-2.0 */
/* What a request says. */
#ifndef EXOPROF_REQUEST_H
#define EXOPROF_REQUEST_H

#include <h2o.h>
#include <stdbool.h>

bool request__is(const h2o_req_t *req, const char *method);

/* What is behind the '?'; of length 0 where there is nothing. */
h2o_iovec_t request__query(const h2o_req_t *req);

/* As query__get(). */
bool request__parameter(const h2o_req_t *req, const char *name, char *value, size_t size);

/* Whether a page of another origin asks, by the browser's word (RFC 6454, and Fetch Metadata
 * Request Headers by the W3C). Such a page could not read the answer, but could have profiles
 * taken, and kept ones converted. */
bool request__is_foreign(const h2o_req_t *req);

#endif
