// SPDX-License-Identifier: Apache-2.0
#include "serve/reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory_stream.h"
#include "export/gzip.h"
#include "serve/connections.h"
#include "serve/negotiation.h"

#define TEXT     "text/plain; charset=utf-8"

/* What fits into one packet with its headers takes one packet either way. */
#define GZIP_MIN 1024

static const char *reason_of(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
		{200, "OK"                      },
		{201, "Created"                 },
		{204, "No Content"              },
		{301, "Moved Permanently"       },
		{302, "Found"                   },
		{304, "Not Modified"            },
		{400, "Bad Request"             },
		{401, "Unauthorized"            },
		{403, "Forbidden"               },
		{404, "Not Found"               },
		{405, "Method Not Allowed"      },
		{413, "Request Entity Too Large"},
		{421, "Misdirected Request"     },
		{429, "Too Many Requests"       },
		{500, "Internal Server Error"   },
		{503, "Service Unavailable"     },
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
		if (reasons[i].status == status)
			return reasons[i].reason;
	}
	return "Unknown";
}

/* Copies both: h2o keeps what it is given until the answer is out. */
void reply__header(h2o_req_t *req, const char *name, const char *value)
{
	h2o_iovec_t name_copy = h2o_strdup(&req->pool, name, SIZE_MAX);
	h2o_iovec_t value_copy = h2o_strdup(&req->pool, value, SIZE_MAX);

	h2o_add_header_by_str(&req->pool, &req->res.headers, name_copy.base, name_copy.len, 1, NULL,
			      value_copy.base, value_copy.len);
}

static void begin_any(h2o_req_t *req, int status, const char *cache_control, size_t size)
{
	connection__hold_reply(req, size);
	req->res.status = status;
	req->res.reason = reason_of(status);
	reply__header(req, "x-content-type-options", "nosniff");
	reply__header(req, "cache-control", cache_control);
	/* h2o decided when the request came in, but one that took its time may be late. */
	if (req->conn->ctx->shutdown_requested)
		req->http1_is_persistent = 0;
}

static void begin(h2o_req_t *req, int status, const char *content_type, size_t size)
{
	/* A profile is of now. */
	begin_any(req, status, "no-store", size);
	reply__header(req, "content-type", content_type);
}

void reply__bytes(h2o_req_t *req, int status, const char *content_type, const void *body,
		  size_t size)
{
	begin(req, status, content_type, size);
	req->res.content_length = size;
	h2o_send_inline(req, body, size);
}

/* As h2o_send_inline(), which copies, and ends the program where there is no memory for that. */
static void send_as_it_is(h2o_req_t *req, const void *body, size_t size)
{
	h2o_generator_t *generator = h2o_mem_alloc_pool(&req->pool, sizeof(*generator));
	h2o_iovec_t part = h2o_iovec_init(body, size);

	*generator = (h2o_generator_t){};
	req->res.content_length = size;
	h2o_start_response(req, generator);
	h2o_send(req, &part, !reply__is_head(req), H2O_SEND_STATE_FINAL);
}

void reply__kept(h2o_req_t *req, const char *content_type, const void *body, size_t size)
{
	/* It is there once for all. */
	begin_any(req, 200, "no-cache", 0);
	reply__header(req, "content-type", content_type);
	send_as_it_is(req, body, size);
}

struct hold {
	void (*release)(void *holder);
	void *holder;
};

static void on_dispose(void *pointer)
{
	struct hold *hold = pointer;

	hold->release(hold->holder);
}

void reply__held(h2o_req_t *req, const char *content_type, const void *body, size_t size,
		 void (*release)(void *holder), void *holder)
{
	struct hold *hold = h2o_mem_alloc_shared(&req->pool, sizeof(*hold), on_dispose);

	*hold = (struct hold){release, holder};
	begin(req, 200, content_type, size);
	send_as_it_is(req, body, size);
}

void reply__empty(h2o_req_t *req, int status)
{
	begin_any(req, status, "no-cache", 0);
	h2o_send_inline(req, "", 0);
}

void reply__head(h2o_req_t *req, const char *content_type)
{
	begin(req, 200, content_type, 0);
	h2o_send_inline(req, "", 0);
}

void reply__text(h2o_req_t *req, int status, const char *text)
{
	reply__bytes(req, status, TEXT, text, strlen(text));
}

char *reply__gzipped(const char *body, size_t size, size_t *gzipped_size)
{
	char *bytes = NULL;
	FILE *out;
	int err;

	if (size < GZIP_MIN)
		return NULL;
	out = open_memstream(&bytes, gzipped_size);
	if (!out)
		return NULL;
	err = gzip__write(out, body, size);
	if (!memory_stream__close(out, &bytes) && !err && *gzipped_size < size)
		return bytes;
	free(bytes);
	return NULL;
}

bool reply__gzip(char **body, size_t *size)
{
	size_t smaller_size;
	char *smaller = reply__gzipped(*body, *size, &smaller_size);

	if (!smaller)
		return false;
	free(*body);
	*body = smaller;
	*size = smaller_size;
	return true;
}

void reply__page(h2o_req_t *req, const char *content_type, const char *text, size_t size)
{
	size_t smaller_size = 0;
	char *smaller = NULL;

	if (reply__takes_gzip(req))
		smaller = reply__gzipped(text, size, &smaller_size);
	reply__header(req, "vary", "accept-encoding");
	if (smaller)
		reply__header(req, "content-encoding", "gzip");
	reply__bytes(req, 200, content_type, smaller ? smaller : text,
		     smaller ? smaller_size : size);
	free(smaller);
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

bool reply__is_head(const h2o_req_t *req)
{
	return h2o_memis(req->method.base, req->method.len, H2O_STRLIT("HEAD"));
}

bool reply__takes_gzip(const h2o_req_t *req)
{
	ssize_t at = -1;

	while ((at = h2o_find_header(&req->headers, H2O_TOKEN_ACCEPT_ENCODING, at)) != -1) {
		const h2o_iovec_t *value = &req->headers.entries[at].value;

		if (negotiation__accepts_gzip(value->base, value->len))
			return true;
	}
	return false;
}
