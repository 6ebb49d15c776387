// SPDX-License-Identifier: Apache-2.0
#include "serve/routes.h"

#include <stdlib.h>

#include "serve/index.h"
#include "serve/metrics.h"
#include "serve/profile_request.h"
#include "serve/reply.h"

struct pprof_handler {
	h2o_handler_t super;
	struct routes *routes;
};

static void answer_index(struct routes *routes, h2o_req_t *req)
{
	size_t size;
	char *html = index__html(routes->agent, profile_kinds, &size);

	if (!html) {
		reply__error(req, 503, "out of memory");
		return;
	}
	reply__bytes(req, 200, "text/html; charset=utf-8", html, size);
	free(html);
}

static void answer_metrics(struct routes *routes, h2o_req_t *req)
{
	struct agent_figures figures;
	size_t size;
	char *text;

	agent__figures(routes->agent, &figures);
	text = metrics__text(&figures, routes->waiting, &size);
	if (!text) {
		reply__error(req, 503, "out of memory");
		return;
	}
	reply__bytes(req, 200, "text/plain; version=0.0.4; charset=utf-8", text, size);
	free(text);
}

/* NUL-separated, as Go has it: without one behind the last. */
static void answer_cmdline(struct routes *routes, h2o_req_t *req)
{
	size_t size;
	char *cmdline = process__cmdline(agent__process(routes->agent), &size);

	if (!cmdline) {
		reply__error(req, 503, "out of memory");
		return;
	}
	if (size && !cmdline[size - 1])
		size--;
	reply__bytes(req, 200, "text/plain; charset=utf-8", cmdline, size);
	free(cmdline);
}

static void answer_root(struct routes *routes, h2o_req_t *req)
{
	(void)routes;
	reply__redirect(req, 302, "/debug/pprof/");
}

static void answer_without_slash(struct routes *routes, h2o_req_t *req)
{
	(void)routes;
	reply__redirect(req, 301, "/debug/pprof/");
}

static const struct {
	const char *path;
	void (*answer)(struct routes *routes, h2o_req_t *req);
} pages[] = {
	{"/",		    answer_root         },
	{"/debug/pprof",         answer_without_slash},
	{"/debug/pprof/",        answer_index        },
	{"/debug/pprof/cmdline", answer_cmdline      },
	{"/metrics",             answer_metrics      },
};

#define PPROF "/debug/pprof/"

static bool is_path(const h2o_req_t *req, const char *path)
{
	return h2o_memis(req->path_normalized.base, req->path_normalized.len, path, strlen(path));
}

static const struct profile_kind *kind_of(const h2o_req_t *req)
{
	const size_t prefix = sizeof(PPROF) - 1;
	const h2o_iovec_t *path = &req->path_normalized;

	if (path->len < prefix || memcmp(path->base, PPROF, prefix))
		return NULL;
	for (const struct profile_kind *const *kind = profile_kinds; *kind; kind++) {
		if (h2o_memis(path->base + prefix, path->len - prefix, (*kind)->name,
			      strlen((*kind)->name)))
			return *kind;
	}
	return NULL;
}

static bool is_method(const h2o_req_t *req, const char *method)
{
	return h2o_memis(req->method.base, req->method.len, method, strlen(method));
}

static int on_request(h2o_handler_t *self, h2o_req_t *req)
{
	struct routes *routes = H2O_STRUCT_FROM_MEMBER(struct pprof_handler, super, self)->routes;
	const struct profile_kind *kind = kind_of(req);

	if (!is_method(req, "GET") && !is_method(req, "HEAD")) {
		reply__header(req, "allow", "GET, HEAD");
		reply__error(req, 405, "only GET and HEAD are allowed");
		return 0;
	}
	if (kind) {
		profile_request__start(routes, req, kind);
		return 0;
	}
	for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
		if (is_path(req, pages[i].path)) {
			pages[i].answer(routes, req);
			return 0;
		}
	}
	reply__error(req, 404, "Unknown profile");
	return 0;
}

void routes__register(struct routes *routes, h2o_globalconf_t *config)
{
	h2o_hostconf_t *host =
		h2o_config_register_host(config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
	h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
	h2o_handler_t *handler = h2o_create_handler(path, sizeof(struct pprof_handler));

	handler->on_req = on_request;
	H2O_STRUCT_FROM_MEMBER(struct pprof_handler, super, handler)->routes = routes;
}

void routes__start(struct routes *routes, h2o_context_t *context)
{
	routes->context = context;
	h2o_multithread_register_receiver(context->queue, &routes->finished,
					  profile_request__on_finished);
}

void routes__stop(struct routes *routes, h2o_context_t *context)
{
	h2o_multithread_unregister_receiver(context->queue, &routes->finished);
}
