/* SPDX-License-Identifier: Apache-2.0 */
/* Answers as Go's net/http/pprof gives them. */
#ifndef EXOPROF_REPLY_H
#define EXOPROF_REPLY_H

#include <h2o.h>
#include <stdbool.h>

/* Both copy the body. */
void reply__bytes(h2o_req_t *req, int status, const char *content_type, const void *body,
		  size_t size);
void reply__text(h2o_req_t *req, int status, const char *text);

/* 200 with a text, gzipped for who takes that. */
void reply__page(h2o_req_t *req, const char *content_type, const char *text, size_t size);

/* 200 with a body that may be large, and is not copied: it stays where it is until h2o calls
 * `release`, when it is out or the client gone. */
void reply__held(h2o_req_t *req, const char *content_type, const void *body, size_t size,
		 void (*release)(void *holder), void *holder);

/* 200 with what a client may keep, but has to ask about before it uses it again. The body is not
 * copied, and stays for ever. */
void reply__kept(h2o_req_t *req, const char *content_type, const void *body, size_t size);

/* What never has a body: 204, 304. */
void reply__empty(h2o_req_t *req, int status);

/* 200 to a HEAD, where nobody knows how long a GET's body would be. */
void reply__head(h2o_req_t *req, const char *content_type);

/* An error that `go tool pprof` shows the text of: it does so only for an X-Go-Pprof header. */
void reply__error(h2o_req_t *req, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void reply__redirect(h2o_req_t *req, int status, const char *location);
void reply__header(h2o_req_t *req, const char *name, const char *value);

/* The gzipped body, malloc()ed; NULL where that saves nothing. On any thread. */
char *reply__gzipped(const char *body, size_t size, size_t *gzipped_size);

bool reply__is_head(const h2o_req_t *req);
bool reply__takes_gzip(const h2o_req_t *req);

/* Puts the gzipped body, malloc()ed, in its place. False where that saves nothing, and all is as it
 * was. On any thread. */
bool reply__gzip(char **body, size_t *size);

#endif
