// SPDX-License-Identifier: Apache-2.0
#include "serve/reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT "text/plain; charset=utf-8"

static const char *reason_of(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 301:
		return "Moved Permanently";
	case 302:
		return "Found";
	case 400:
		return "Bad Request";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 503:
		return "Service Unavailable";
	default:
		return "Internal Server Error";
	}
}

/* Copies both: h2o keeps what it is given until the answer is out. */
void reply__header(h2o_req_t *req, const char *name, const char *value)
{
	h2o_iovec_t name_copy = h2o_strdup(&req->pool, name, SIZE_MAX);
	h2o_iovec_t value_copy = h2o_strdup(&req->pool, value, SIZE_MAX);

	h2o_add_header_by_str(&req->pool, &req->res.headers, name_copy.base, name_copy.len, 1, NULL,
			      value_copy.base, value_copy.len);
}

void reply__bytes(h2o_req_t *req, int status, const char *content_type, const void *body,
		  size_t size)
{
	req->res.status = status;
	req->res.reason = reason_of(status);
	req->res.content_length = size;
	reply__header(req, "x-content-type-options", "nosniff");
	/* A profile is of now. */
	reply__header(req, "cache-control", "no-store");
	reply__header(req, "content-type", content_type);
	/* h2o decided when the request came in, but one that took its time may be late. */
	if (req->conn->ctx->shutdown_requested)
		req->http1_is_persistent = 0;
	h2o_send_inline(req, body, size);
}

void reply__text(h2o_req_t *req, int status, const char *text)
{
	reply__bytes(req, status, TEXT, text, strlen(text));
}

void reply__error(h2o_req_t *req, int status, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text) - 1, format, args);
	va_end(args);
	strcat(text, "\n");
	reply__header(req, "x-go-pprof", "1");
	reply__text(req, status, text);
}

void reply__redirect(h2o_req_t *req, int status, const char *location)
{
	reply__header(req, "location", location);
	reply__text(req, status, "");
}
