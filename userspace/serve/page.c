// SPDX-License-Identifier: Apache-2.0
#include "serve/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/embed.h"
#include "serve/negotiation.h"
#include "serve/reply.h"

EMBED(page_html, WEB_FOLDER "/index.html");
EMBED(page_js, WEB_FOLDER "/page.js");
EMBED(page_css, WEB_FOLDER "/page.css");

/* Names come from the target's files: whatever might slip into the page as markup does nothing, and
 * nothing of it leaves this host. */
#define POLICY                                                                          \
	"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " \
	"img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

static const struct {
	const char *name, *content_type, *start, *end;
} files[] = {
	{"index.html", "text/html; charset=utf-8",       page_html, page_html_end},
	{"page.js",    "text/javascript; charset=utf-8", page_js,   page_js_end  },
	{"page.css",   "text/css; charset=utf-8",        page_css,  page_css_end },
};

#define FILES (sizeof(files) / sizeof(*files))

struct page {
	struct page_file {
		char *gzipped; /* NULL: that would save nothing */
		size_t gzipped_size;
		char etag[32];
	} files[FILES];
};

static size_t size_of(size_t i)
{
	return files[i].end - files[i].start;
}

bool page__is_built(void)
{
	return size_of(0);
}

/* A weak one (RFC 9110, 8.8.3): it is the same for the gzipped file. */
static void make_etag(struct page_file *file, size_t i)
{
	unsigned long sum = crc32_z(0, (const unsigned char *)files[i].start, size_of(i));

	snprintf(file->etag, sizeof(file->etag), "W/\"%08lx-%zx\"", sum, size_of(i));
}

struct page *page__new(void)
{
	struct page *page = calloc(1, sizeof(*page));

	for (size_t i = 0; page && i < FILES; i++) {
		struct page_file *file = &page->files[i];

		file->gzipped = reply__gzipped(files[i].start, size_of(i), &file->gzipped_size);
		make_etag(file, i);
	}
	return page;
}

void page__free(struct page *page)
{
	if (!page)
		return;
	for (size_t i = 0; i < FILES; i++)
		free(page->files[i].gzipped);
	free(page);
}

static bool has_it(const h2o_req_t *req, const char *etag)
{
	ssize_t at = -1;

	while ((at = h2o_find_header(&req->headers, H2O_TOKEN_IF_NONE_MATCH, at)) != -1) {
		const h2o_iovec_t *value = &req->headers.entries[at].value;

		if (negotiation__has_etag(value->base, value->len, etag))
			return true;
	}
	return false;
}

static void answer(const struct page_file *file, size_t i, h2o_req_t *req)
{
	bool is_gzipped = file->gzipped && reply__takes_gzip(req);

	reply__header(req, "vary", "accept-encoding");
	reply__header(req, "etag", file->etag);
	if (has_it(req, file->etag)) {
		reply__empty(req, 304);
		return;
	}
	reply__header(req, "content-security-policy", POLICY);
	reply__header(req, "referrer-policy", "no-referrer");
	if (is_gzipped)
		reply__header(req, "content-encoding", "gzip");
	reply__kept(req, files[i].content_type, is_gzipped ? file->gzipped : files[i].start,
		    is_gzipped ? file->gzipped_size : size_of(i));
}

void page__answer(const struct page *page, h2o_req_t *req, const char *name)
{
	for (size_t i = 0; i < FILES; i++) {
		if (!strcmp(files[i].name, name))
			answer(&page->files[i], i, req);
	}
}
