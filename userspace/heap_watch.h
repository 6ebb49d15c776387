/* SPDX-License-Identifier: Apache-2.0 */
/* Follows the target's heap for an agent: finds its allocators, also those that come later, has
 * them probed, starts afresh when the target executes another program, and keeps an eye on what it
 * all costs. Used by one thread. */
#ifndef EXOPROF_HEAP_WATCH_H
#define EXOPROF_HEAP_WATCH_H

#include "collect/collector.h"
#include "heap_cost.h"
#include "target/process.h"

struct heap_watch;

/* How calls of malloc are met. */
enum heap_mode {
	HEAP_MODE_AUTO, /* by uprobes, so far */
	HEAP_MODE_UPROBE,
	HEAP_MODE_INLINE, /* by code in the target where that can be (docs/inline.md) */
};

struct heap_watch_options {
	bool enabled;
	enum heap_mode mode;
	bool is_child;         /* found, not given */
	bool from_start;       /* nothing of its own is from before: it has not run yet, or is a
				* child */
	const char *allocator; /* the file to be followed instead of what is found; or NULL */
	const char *prefix;    /* of its functions' names; NULL: as known allocators have it */
	double budget;         /* share of the target's CPU time, 0 to 1; 0: no limit */
};

/* Plain data, for whoever wants to know. */
struct heap_state {
	bool is_followed;
	bool is_attached;      /* not so while probes are off for the budget */
	bool is_ending;        /* for want of a memory: the process ends, which others tell */
	char text[1024];       /* whose and how: "glibc (/usr/lib/libc.so.6) by session uprobes"; or
				* why it is not followed */
	char warning[512];     /* why the profile may miss something; or "" */
	struct heap_hits hits; /* of several processes: the sum; all else is one's */
	struct heap_prices prices;
	struct heap_cost cost;
	pid_t pid; /* whose */
};

/* NULL with errno set. The collector and the process must outlive it. `era` is what the process is
 * in. */
struct heap_watch *heap_watch__new(struct collector *collector, struct process *process,
				   uint32_t era, const struct heap_watch_options *options);
void heap_watch__free(struct heap_watch *watch); /* NULL is fine */

/* The process executes another program, in another era; `is_lost`: the kernel has lost sight of it
 * on the way. To be updated then. */
void heap_watch__note_exec(struct heap_watch *watch, uint32_t era, bool is_lost);

/* Takes in what such code has counted; before a snapshot. */
void heap_watch__count(struct heap_watch *watch);

/* Takes out what is in the process for it; for the end. */
void heap_watch__leave(struct heap_watch *watch);

/* Whether there is code in the process since the last time this was asked: its mappings are to be
 * read again. */
bool heap_watch__has_mapped(struct heap_watch *watch);

bool heap_watch__is_followed(const struct heap_watch *watch);

/* Whether the program was executed so lately that it may have its libraries still to map. */
bool heap_watch__begins(const struct heap_watch *watch);

/* Hits so far, a second ago. */
const struct heap_hits *heap_watch__hits(const struct heap_watch *watch);

/* What was in use before the attach, in bytes, estimated. */
uint64_t heap_watch__preattach(const struct heap_watch *watch);

/* The target's mappings are these now: probes what is new in them. */
void heap_watch__update(struct heap_watch *watch, struct maps *maps);

/* To be called each second: takes the readings, keeps the budget, and the probes where they are.
 * `maps`: the target's mappings, NULL: unknown. */
void heap_watch__tick(struct heap_watch *watch, const struct maps *maps);

/* For when the probes have been taken off: says so if a debugger is there that may put breakpoint
 * instructions back. */
void heap_watch__warn_of_tracer(const struct heap_watch *watch);

void heap_watch__state(const struct heap_watch *watch, struct heap_state *state);

/* Puts into a heap's samples what a reader should know of how they came about. */
void heap_watch__annotate(const struct heap_watch *watch, struct samples *samples);

#endif
