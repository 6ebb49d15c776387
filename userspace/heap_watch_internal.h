/* SPDX-License-Identifier: Apache-2.0 */
/* What heap_watch.c keeps, heap_guard.c sees to and heap_report.c tells of. */
#ifndef EXOPROF_HEAP_WATCH_INTERNAL_H
#define EXOPROF_HEAP_WATCH_INTERNAL_H

#include "heap_inline.h"
#include "heap_watch.h"

/* A file that gives out memory. */
struct followed {
	struct allocator allocator;
	size_t patched; /* functions that are not in memory as they are in the file */
	size_t rank;    /* in the linker's order; SIZE_MAX: not in it */
	bool is_mapped;
	bool is_attached;
	int err; /* why it is not */
};

struct heap_watch {
	struct collector *collector;
	struct process *process;
	struct heap_watch_options options;
	struct elf_file **seen; /* files that were looked at, as long as they are mapped */
	size_t seen_count, seen_capacity;
	struct followed *followed;
	size_t count, capacity;
	bool has_too_many;   /* more files than are followed */
	bool has_throwing;   /* functions that throw are among the followed */
	bool has_begun;      /* probes were attached */
	size_t unopened;     /* mappings of files that could not be opened */
	int unread_err;      /* why an allocator's code could not be read; 0: it could */
	struct maps *maps;   /* when they were last read; NULL: never */
	uint64_t safe_bytes; /* as of heap__set_safe_size() */

	struct heap_inline *stubs; /* NULL: it is followed by uprobes */
	char why_no_stubs[128];    /* though stubs were wanted; "" */
	bool has_cleared;          /* what was there before */
	bool has_mapped;           /* code of ours, since anybody asked */
	bool is_stuck;             /* functions lead to what could not be taken out */
	int64_t stopped_ns;        /* the longest time that the process was stopped for that */
	uint32_t era;
	int64_t since_ns, exec_ns; /* of the real-time clock; 0: none */
	int64_t exec_ms;           /* of the monotonic one; 0: none */
	uint64_t preattach_bytes;

	bool is_unpriced; /* what a probe costs could not be measured */
	struct heap_prices prices;
	struct heap_meter meter;
	struct heap_hits hits;
	struct heap_budget budget;
	double over_share; /* what it was when the probes were taken off */
	int64_t off_since_ns,
		off_until_ns; /* the last time; real-time clock; 0: never, or not yet */
	unsigned int times_off;

	/* Taken away in the target's memory by others, and set again. */
	unsigned int times_gone;
	int64_t gone_ns;  /* when that was seen the last time; real-time clock */
	bool cannot_keep; /* they were gone again at once */
};

/* All probes off, and on again. */
void heap_watch__attach_anew(struct heap_watch *watch);

/* To be called each second: sets probes again that are gone from the target's memory. */
void heap_watch__keep_probes(struct heap_watch *watch, const struct maps *maps);

#endif
