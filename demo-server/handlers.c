/* SPDX-License-Identifier: Apache-2.0 */
/* The endpoints. The callbacks' names are part of the demo: they are what a profile shows. */
#include "handlers.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* A block of /gc. The link lies in the block, so that keeping count costs no other memory and
 * what is retained is retained_blocks * GC_BLOCK_BYTES to the byte. */
struct block {
	struct block *next;
};

/* The blocks that /gc keeps for ever, of all threads. Nothing is ever taken off. */
static _Atomic(struct block *) retained_blocks;

static struct lane *lane_of(h2o_req_t *req)
{
	return H2O_STRUCT_FROM_MEMBER(struct lane, ctx, req->conn->ctx);
}

/* Uniform in [min, max), but for a bias below 2^-10: no range is wider than 2^22. */
static uint32_t random_between(struct lane *lane, uint32_t min, uint32_t max)
{
	uint64_t x = lane->random_state;

	/* xorshift64* (Vigna 2016): a few cycles, and the upper half is good. */
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	lane->random_state = x;
	return min + (((x * 0x2545f4914f6cdd1dULL >> 32) * (max - min)) >> 32);
}

static void answer(h2o_req_t *req, int status, const char *reason, h2o_iovec_t type,
		   h2o_iovec_t body)
{
	req->res.status = status;
	req->res.reason = reason;
	req->res.content_length = body.len;
	h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, type.base,
		       type.len);
	/* h2o looks at this when a request comes in, but one that paused since may be late. */
	if (req->conn->ctx->shutdown_requested)
		req->http1_is_persistent = 0;
	h2o_send_inline(req, body.base, body.len); /* copies the body */
}

static void answer_text(h2o_req_t *req, int status, const char *reason, const char *text)
{
	answer(req, status, reason, h2o_iovec_init(H2O_STRLIT("text/plain; charset=utf-8")),
	       h2o_iovec_init(text, strlen(text)));
}

static void fast_answer(h2o_req_t *req, uint32_t delay_ms)
{
	(void)delay_ms;
	answer_text(req, 200, "OK", "fast response\n");
}

static int fast_handler(h2o_handler_t *self, h2o_req_t *req)
{
	struct lane *lane = lane_of(req);

	(void)self;
	stats_lane__add(lane->stats, COUNT_FAST, 1);
	if (lane->options->fast_delay_ms)
		pauses__start(&lane->pauses, req, lane->options->fast_delay_ms, fast_answer);
	else
		fast_answer(req, 0);
	return 0;
}

static void slow_answer(h2o_req_t *req, uint32_t delay_ms)
{
	char text[64];

	snprintf(text, sizeof(text), "slow response with delay %u ms\n", delay_ms);
	answer_text(req, 200, "OK", text);
}

static int slow_handler(h2o_handler_t *self, h2o_req_t *req)
{
	struct lane *lane = lane_of(req);
	const struct options *options = lane->options;

	(void)self;
	stats_lane__add(lane->stats, COUNT_SLOW, 1);
	pauses__start(&lane->pauses, req,
		      random_between(lane, options->slow_min_ms, options->slow_max_ms),
		      slow_answer);
	return 0;
}

static void block__push(struct block **list, struct block *block)
{
	block->next = *list;
	*list = block;
}

static void free_blocks(struct block *list)
{
	struct block *next;

	for (; list; list = next) {
		next = list->next;
		free(list);
	}
}

static void retain_blocks(struct block *list)
{
	struct block *next;

	for (; list; list = next) {
		next = list->next;
		list->next = atomic_load_explicit(&retained_blocks, memory_order_relaxed);
		while (!atomic_compare_exchange_weak(&retained_blocks, &list->next, list))
			; /* another thread was first, and list->next is now its block */
	}
}

static bool is_kept(const struct options *options, uint32_t nr)
{
	return options->gc_keep_every && nr % options->gc_keep_every == 0;
}

/*
 * The demo's memory hog. calloc() is called from here and nowhere else, so that a heap profile has
 * one line to blame. If it fails, everything this request got is given back at once: h2o's own
 * allocations abort the process when they fail, and they come next.
 */
static int gc_heavy_handler(h2o_handler_t *self, h2o_req_t *req)
{
	struct lane *lane = lane_of(req);
	uint32_t wanted =
		random_between(lane, lane->options->gc_min_blocks, lane->options->gc_max_blocks);
	struct block *kept = NULL, *dropped = NULL, *block;
	uint32_t nr_blocks, nr_kept = 0;
	char text[64];

	(void)self;
	stats_lane__add(lane->stats, COUNT_GC, 1);
	for (nr_blocks = 0; nr_blocks < wanted; nr_blocks++) {
		block = calloc(1, GC_BLOCK_BYTES);
		if (!block)
			break;
		nr_kept += is_kept(lane->options, nr_blocks);
		block__push(is_kept(lane->options, nr_blocks) ? &kept : &dropped, block);
	}
	free_blocks(dropped);

	if (nr_blocks < wanted) {
		free_blocks(kept);
		stats_lane__add(lane->stats, COUNT_BLOCKS_ALLOCATED, nr_blocks);
		stats_lane__add(lane->stats, COUNT_BLOCKS_FREED, nr_blocks);
		stats_lane__add(lane->stats, COUNT_ALLOC_FAILED, 1);
		answer_text(req, 503, "Service Unavailable", "out of memory\n");
		return 0;
	}
	retain_blocks(kept);
	stats_lane__add(lane->stats, COUNT_BLOCKS_ALLOCATED, nr_blocks);
	stats_lane__add(lane->stats, COUNT_BLOCKS_FREED, nr_blocks - nr_kept);
	stats_lane__add(lane->stats, COUNT_BLOCKS_RETAINED, nr_kept);
	snprintf(text, sizeof(text), "allocated %u KB\n", nr_blocks * (GC_BLOCK_BYTES / 1024));
	answer_text(req, 200, "OK", text);
	return 0;
}

static int stats_handler(h2o_handler_t *self, h2o_req_t *req)
{
	struct lane *lane = lane_of(req);
	char json[STATS_JSON_BYTES];
	size_t len;

	(void)self;
	stats_lane__add(lane->stats, COUNT_STATS, 1);
	len = stats__json(lane->all_stats, json);
	answer(req, 200, "OK", h2o_iovec_init(H2O_STRLIT("application/json")),
	       h2o_iovec_init(json, len));
	return 0;
}

/*
 * Runs before the endpoint's own handler, which gets the request only if this returns -1. h2o
 * matches whole path components from the left: /fast/x comes to /fast, and everything to /.
 */
static int gate_handler(h2o_handler_t *self, h2o_req_t *req)
{
	const h2o_iovec_t *path = &req->path_normalized, *own = &req->pathconf->path;
	struct lane *lane = lane_of(req);

	(void)self;
	if (own->len == 1 || !h2o_memis(path->base, path->len, own->base, own->len)) {
		stats_lane__add(lane->stats, COUNT_OTHER, 1);
		answer_text(req, 404, "Not Found",
			    "not found: there are /fast, /slow, /gc and /stats\n");
		return 0;
	}
	if (!h2o_memis(req->method.base, req->method.len, H2O_STRLIT("GET")) &&
	    !h2o_memis(req->method.base, req->method.len, H2O_STRLIT("HEAD"))) {
		stats_lane__add(lane->stats, COUNT_OTHER, 1);
		h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_ALLOW, NULL,
			       H2O_STRLIT("GET, HEAD"));
		answer_text(req, 405, "Method Not Allowed", "only GET and HEAD are allowed\n");
		return 0;
	}
	return -1;
}

void handlers__register(h2o_globalconf_t *config)
{
	static const struct {
		const char *path;
		int (*on_req)(h2o_handler_t *self, h2o_req_t *req);
	} endpoints[] = {
		{"/fast",  fast_handler    },
		{"/slow",  slow_handler    },
		{"/gc",    gc_heavy_handler},
		{"/stats", stats_handler   },
		{"/",      NULL            }, /* everything else: the gate answers all of it */
	};
	h2o_hostconf_t *host =
		h2o_config_register_host(config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
	h2o_pathconf_t *path;
	size_t i;

	for (i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
		path = h2o_config_register_path(host, endpoints[i].path, 0);
		h2o_create_handler(path, sizeof(h2o_handler_t))->on_req = gate_handler;
		if (endpoints[i].on_req)
			h2o_create_handler(path, sizeof(h2o_handler_t))->on_req =
				endpoints[i].on_req;
	}
}
