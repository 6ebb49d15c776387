/* SPDX-License-Identifier: Apache-2.0 */
/* Answers as Go's net/http/pprof gives them. */
#ifndef EXOPROF_REPLY_H
#define EXOPROF_REPLY_H

#include <h2o.h>

/* All copy the body. `status` is one of 200, 301, 302, 400, 404, 405, 500, 503. */
void reply__bytes(h2o_req_t *req, int status, const char *content_type, const void *body,
		  size_t size);
void reply__text(h2o_req_t *req, int status, const char *text);

/* An error that `go tool pprof` shows the text of: it does so only for an X-Go-Pprof header. */
void reply__error(h2o_req_t *req, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void reply__redirect(h2o_req_t *req, int status, const char *location);
void reply__header(h2o_req_t *req, const char *name, const char *value);

#endif
