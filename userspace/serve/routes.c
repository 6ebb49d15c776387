// SPDX-License-Identifier: Apache-2.0
#include "serve/routes.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "serve/index.h"
#include "serve/metrics.h"
#include "serve/page.h"
#include "serve/profile_request.h"
#include "serve/query.h"
#include "serve/reply.h"
#include "serve/request.h"
#include "serve/snapshot_request.h"
#include "serve/status.h"
#include "serve/symbol_request.h"
#include "serve/waiting.h"

enum methods {
	METHODS_READ,
	METHODS_POST,
	METHODS_DELETE,
};

struct route {
	const char *path;
	void (*answer)(struct routes *routes, h2o_req_t *req, const struct route *route);
	enum methods methods; /* beside GET and HEAD */
	bool is_public;       /* needs no token */
	bool is_numbered;     /* the N at the path's end is a number */
	/* What `answer` needs. */
	struct profile_path profile;
	int status;
	const char *text;
	bool in_lines;
};

#define PPROF             "/debug/pprof/"

/* Of which any fits in 64 bits. */
#define NUMBER_DIGITS_MAX 19

struct pprof_handler {
	h2o_handler_t super;
	struct routes *routes;
};

struct pprof_logger {
	h2o_logger_t super;
	struct routes *routes;
};

static void answer_profile(struct routes *routes, h2o_req_t *req, const struct route *route)
{
	profile_request__start(routes, req, &route->profile);
}

static void answer_symbol(struct routes *routes, h2o_req_t *req, const struct route *route)
{
	(void)route;
	symbol_request__start(routes, req);
}

static void answer_index(struct routes *routes, h2o_req_t *req, const struct route *route)
{
	size_t size;
	char *html = index__html(routes->agent, &size);

	(void)route;
	if (html)
		reply__page(req, "text/html; charset=utf-8", html, size);
	else
		reply__error(req, 503, "out of memory");
	free(html);
}

/* Made here: it takes 100 us, and less than a millisecond with all of the history. */
static void answer_status(struct routes *routes, h2o_req_t *req, const struct route *route)
{
	long since_ms = 0;
	char text[32];
	size_t size;
	char *json;

	(void)route;
	if (request__parameter(req, "since", text, sizeof(text)) &&
	    !query__integer(text, &since_ms)) {
		reply__error(req, 400, "since: milliseconds since the epoch are needed");
		return;
	}
	json = status__json(routes->agent, routes->process, since_ms, &size);
	if (json)
		reply__page(req, "application/json", json, size);
	else
		reply__error(req, 503, "out of memory");
	free(json);
}

static void answer_snapshots(struct routes *routes, h2o_req_t *req, const struct route *route)
{
	(void)route;
	if (request__is(req, "POST"))
		snapshot_request__take(routes, req);
	else
		snapshot_request__list(routes, req);
}

/* The number behind the path. */
static uint64_t number_in(const h2o_req_t *req, const struct route *route)
{
	size_t start = strlen(route->path) - 1;
	char digits[NUMBER_DIGITS_MAX + 1] = "";

	memcpy(digits, req->path_normalized.base + start, req->path_normalized.len - start);
	return strtoull(digits, NULL, 10);
}

static void answer_snapshot(struct routes *routes, h2o_req_t *req, const struct route *route)
{
	uint64_t number = number_in(req, route);

	if (request__is(req, "DELETE"))
		snapshot_request__delete(routes, req, number);
	else
		snapshot_request__read(routes, req, number);
}

static void answer_metrics(struct routes *routes, h2o_req_t *req, const struct route *route)
{
	struct serving_figures serving = {
		.counts = routes->counts,
		.process = routes->process,
		.in_flight = routes->waiting,
		.snapshots = snapshots__count(routes->snapshots),
		.snapshot_bytes = snapshots__bytes(routes->snapshots),
	};
	struct agent_figures figures;
	size_t size;
	char *text;

	(void)route;
	connections__figures(routes->connections, &serving.connections);
	agent__figures(routes->agent, &figures);
	text = metrics__text(&figures, &serving, &size);
	if (text)
		reply__page(req, "text/plain; version=0.0.4; charset=utf-8", text, size);
	else
		reply__error(req, 503, "out of memory");
	free(text);
}

/* NUL-separated, without one behind the last, as Go has it; or a line each, as gperftools has it.
 */
static void answer_cmdline(struct routes *routes, h2o_req_t *req, const struct route *route)
{
	size_t size;
	char *cmdline = process__cmdline(agent__process(routes->agent), &size);

	if (!cmdline) {
		reply__error(req, 503, "out of memory");
		return;
	}
	for (size_t i = 0; i < size && route->in_lines; i++) {
		if (!cmdline[i])
			cmdline[i] = '\n';
	}
	if (size && !cmdline[size - 1])
		size--;
	reply__bytes(req, 200, "text/plain; charset=utf-8", cmdline, size);
	free(cmdline);
}

/* The event loop runs, or nobody would say so. */
static void answer_healthz(struct routes *routes, h2o_req_t *req, const struct route *route)
{
	(void)routes;
	(void)route;
	reply__text(req, 200, "ok\n");
}

static void answer_readyz(struct routes *routes, h2o_req_t *req, const struct route *route)
{
	(void)route;
	if (routes->stopping)
		reply__error(req, 503, "exoprof is shutting down");
	else if (!agent__alive(routes->agent))
		reply__error(req, 503, "the target has exited");
	else
		reply__text(req, 200, "ok\n");
}

static void answer_redirect(struct routes *routes, h2o_req_t *req, const struct route *route)
{
	(void)routes;
	reply__redirect(req, route->status, route->text);
}

static void answer_page(struct routes *routes, h2o_req_t *req, const struct route *route)
{
	if (page__is_built())
		page__answer(routes->page, req, route->text);
	else if (!strcmp(route->path, "/"))
		reply__redirect(req, 302, PPROF);
	else
		reply__error(req, 404, "this exoprof was built without the page");
}

static void answer_refusal(struct routes *routes, h2o_req_t *req, const struct route *route)
{
	(void)routes;
	reply__error(req, route->status, "%s", route->text);
}

#define PROFILE(path_, ...)                                                           \
	{                                                                             \
		.path = (path_), .answer = answer_profile, .profile = { __VA_ARGS__ } \
	}

/* It would put some in columns. */
/* clang-format off */
static const struct route routes_by_path[] = {
	{.path = "/", .answer = answer_page, .text = "index.html"},
	{.path = "/page.js", .answer = answer_page, .text = "page.js"},
	{.path = "/page.css", .answer = answer_page, .text = "page.css"},
	{.path = "/api/status", .answer = answer_status},
	{.path = "/api/snapshots", .answer = answer_snapshots, .methods = METHODS_POST},
	{.path = "/api/snapshots/N", .answer = answer_snapshot, .methods = METHODS_DELETE,
	 .is_numbered = true},
	{.path = "/debug/pprof", .answer = answer_redirect, .status = 301, .text = PPROF},
	{.path = PPROF, .answer = answer_index},
	{.path = PPROF "cmdline", .answer = answer_cmdline},
	{.path = PPROF "symbol", .answer = answer_symbol, .methods = METHODS_POST},
	{.path = PPROF "trace", .answer = answer_refusal, .status = 404,
	 .text = "No trace: what a runtime's execution tracer records cannot be seen from "
		 "outside the process. For where its time goes, ask for profile, wall or "
		 "block"},
	PROFILE(PPROF "allocs", .kind = &profile_kind_allocs),
	PROFILE(PPROF "block", .kind = &profile_kind_block),
	PROFILE(PPROF "goroutine", .kind = &profile_kind_goroutine),
	PROFILE(PPROF "heap", .kind = &profile_kind_heap),
	PROFILE(PPROF "mutex", .kind = &profile_kind_mutex),
	PROFILE(PPROF "profile", .kind = &profile_kind_cpu),
	PROFILE(PPROF "threadcreate", .kind = &profile_kind_threadcreate),
	PROFILE(PPROF "wall", .kind = &profile_kind_wall),

	/* As godeltaprof has them (github.com/grafana/pyroscope-go, godeltaprof/http/pprof). */
	PROFILE(PPROF "delta_block", .kind = &profile_kind_block, .since_last = true,
		.file = "block.pprof.gz"),
	PROFILE(PPROF "delta_heap", .kind = &profile_kind_heap, .since_last = true,
		.file = "heap.pprof.gz"),
	PROFILE(PPROF "delta_mutex", .kind = &profile_kind_mutex, .since_last = true,
		.file = "mutex.pprof.gz"),

	/* As gperftools has them (docs/pprof_remote_servers.html there). Its own pprof reads text
	 * only, but of CPU time, for which it has a binary form that nobody else writes. */
	PROFILE("/pprof/profile", .kind = &profile_kind_cpu),
	PROFILE("/pprof/heap", .kind = &profile_kind_heap, .format = "text"),
	PROFILE("/pprof/contention", .kind = &profile_kind_mutex, .format = "text"),
	{.path = "/pprof/growth", .answer = answer_refusal, .status = 404,
	 .text = "No growth: from outside it is not known which call made the heap grow. "
		 "For what was allocated, ask for /debug/pprof/allocs"},
	{.path = "/pprof/cmdline", .answer = answer_cmdline, .in_lines = true},
	{.path = "/pprof/symbol", .answer = answer_symbol, .methods = METHODS_POST},

	{.path = "/metrics", .answer = answer_metrics},
	/* A probe of Kubernetes' has no secrets, and they tell none. */
	{.path = "/healthz", .answer = answer_healthz, .is_public = true},
	{.path = "/readyz", .answer = answer_readyz, .is_public = true},
};
/* clang-format on */

/* Bodies that are too large by no more get an answer of ours. */
#define BODY_SPARE (64 << 10)

static bool is_number(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (!isdigit((unsigned char)text[i]))
			return false;
	}
	return length && length <= NUMBER_DIGITS_MAX;
}

static bool matches(const struct route *route, const h2o_iovec_t *path)
{
	size_t length = strlen(route->path) - route->is_numbered;

	if (!route->is_numbered)
		return h2o_memis(path->base, path->len, route->path, length);
	return path->len > length && !memcmp(path->base, route->path, length) &&
	       is_number(path->base + length, path->len - length);
}

static const struct route *find_route(const h2o_req_t *req)
{
	for (size_t i = 0; i < sizeof(routes_by_path) / sizeof(*routes_by_path); i++) {
		if (matches(&routes_by_path[i], &req->path_normalized))
			return &routes_by_path[i];
	}
	return NULL;
}

/* By what a route takes beside GET and HEAD. */
static const struct {
	const char *method, *allow, *sentence;
} methods[] = {
	[METHODS_READ] = {"GET",    "GET, HEAD",         "only GET and HEAD are allowed"        },
	[METHODS_POST] = {"POST",   "GET, HEAD, POST",   "only GET, HEAD and POST are allowed"  },
	[METHODS_DELETE] = {"DELETE", "GET, HEAD, DELETE", "only GET, HEAD and DELETE are allowed"},
};

static bool is_allowed(const h2o_req_t *req, const struct route *route)
{
	return request__is(req, "GET") || request__is(req, "HEAD") ||
	       request__is(req, methods[route->methods].method);
}

static void refuse_method(h2o_req_t *req, const struct route *route)
{
	reply__header(req, "allow", methods[route->methods].allow);
	reply__error(req, 405, "%s", methods[route->methods].sentence);
}

/* Who may not ask is not told what there is. */
static int on_request(h2o_handler_t *self, h2o_req_t *req)
{
	struct routes *routes = H2O_STRUCT_FROM_MEMBER(struct pprof_handler, super, self)->routes;
	const struct route *route = find_route(req);

	if (!connection__begin_request(req))
		waiting__refuse_memory(req);
	else if (access__refuses(routes->access, req, route && route->is_public))
		return 0;
	else if (!route)
		reply__error(req, 404, "Unknown profile");
	else if (!is_allowed(req, route))
		refuse_method(req, route);
	else
		route->answer(routes, req, route);
	return 0;
}

/* h2o calls it for every answer once that is out. */
static void on_answered(h2o_logger_t *self, h2o_req_t *req)
{
	struct routes *routes = H2O_STRUCT_FROM_MEMBER(struct pprof_logger, super, self)->routes;
	const struct route *route = find_route(req);

	request_counts__add(routes->counts, route ? route->path : "other", req->res.status);
}

void routes__register(struct routes *routes, h2o_globalconf_t *config)
{
	h2o_hostconf_t *host =
		h2o_config_register_host(config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
	h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
	h2o_handler_t *handler = h2o_create_handler(path, sizeof(struct pprof_handler));
	h2o_logger_t *logger = h2o_create_logger(path, sizeof(struct pprof_logger));

	/* To more h2o answers 413 by itself, without our headers, and without telling the logger.
	 */
	config->max_request_entity_size = SYMBOL_REQUEST_BODY_MAX + BODY_SPARE;
	handler->on_req = on_request;
	H2O_STRUCT_FROM_MEMBER(struct pprof_handler, super, handler)->routes = routes;
	logger->log_access = on_answered;
	H2O_STRUCT_FROM_MEMBER(struct pprof_logger, super, logger)->routes = routes;
}

void routes__start(struct routes *routes, h2o_context_t *context)
{
	routes->context = context;
	h2o_linklist_init_anchor(&routes->waiters);
	h2o_multithread_register_receiver(context->queue, &routes->finished, waiting__on_finished);
}

void routes__stop(struct routes *routes, h2o_context_t *context)
{
	h2o_multithread_unregister_receiver(context->queue, &routes->finished);
}
