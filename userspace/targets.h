/* SPDX-License-Identifier: Apache-2.0 */
/* The processes that an agent follows: those it was given, and the children it finds. Keeps up with
 * what they execute and map, and with their heaps. Used by one thread, but for the processes
 * themselves. */
#ifndef EXOPROF_TARGETS_H
#define EXOPROF_TARGETS_H

#include "collect/collector.h"
#include "heap_watch.h"
#include "target/process.h"

struct targets;

/* Of so many processes there is more than the sums; and of their arguments so much. */
#define TARGETS_TOLD_MAX     64
#define TARGET_COMMAND_BYTES 1024

struct target_told {
	pid_t pid;
	char name[PROCESS_COMM_BYTES];
	char command[TARGET_COMMAND_BYTES]; /* a NUL after each argument */
	size_t command_size;
	bool is_cut; /* there is more of the command */
	bool is_alive;
	int64_t started_ms; /* since the epoch; 0: unknown */
	uint32_t threads;
};

/* What they use of the machine. */
struct targets_look {
	struct target_told told[TARGETS_TOLD_MAX];
	size_t told_count;
	size_t count;    /* of all, those that were given and are gone included */
	bool is_partial; /* one could not be looked at: the sums are without it */
	int64_t cpu_ns;  /* that they had since the last look; -1: unknown */
	uint64_t rss_bytes, threads;
};

/* The collector must outlive it. NULL with errno set. */
struct targets *targets__new(struct collector *collector, const struct heap_watch_options *options);
void targets__free(struct targets *targets); /* NULL is fine */

/* Attaches. The process is theirs from then on, whether it works or not. 0, or -errno with the
 * reason in `why`. */
int targets__add(struct targets *targets, struct process *process, char *why, size_t why_size);

/* Attaches to the children that those which were added have by now, and to theirs; the collector
 * tells of those to come. */
void targets__follow_children(struct targets *targets);

/* Takes in the collector's news. */
void targets__take_news(struct targets *targets);

/* Reads what is due to be read again, and looks after the heaps. Whether the books have been swept:
 * what was known of the collector's figures is outdated then. */
bool targets__tick(struct targets *targets);

/* When it is to be called next, by clock__monotonic_ms(). */
int64_t targets__next_tick_ms(const struct targets *targets);

/* Reads all mappings anew. */
void targets__refresh(struct targets *targets);

/* Takes in what code in them has counted of their heaps; before a snapshot of those. */
void targets__count(struct targets *targets);

/* Takes out what is in them for their heaps, at the end; by a thread that may stop them. */
void targets__leave(struct targets *targets);

/* For when their probes have been taken off: says whose debugger may put breakpoints back. */
void targets__warn_of_tracers(const struct targets *targets);

/* Whether one that was given has just executed a program, whose libraries may be mapped in a
 * moment. */
bool targets__begin(const struct targets *targets);

/* How many processes are followed now, children included. */
size_t targets__alive(const struct targets *targets);

/* Takes some 20 us a process. What a child had of the CPUs between the last look and its end is in
 * no sum. */
void targets__look(struct targets *targets, struct targets_look *look);

/* The mappings of the first, the caller's to put; NULL where they were never read. */
struct maps *targets__maps(const struct targets *targets);

/* How many threads they had already when they began to be followed. */
uint32_t targets__threads_before(const struct targets *targets);

/* Of one of them, the first if it is followed, with a word on others where it is not the same. */
void targets__heap(const struct targets *targets, struct heap_state *state);

/* Puts into a heap's samples what a reader should know of how they came about. */
void targets__annotate(const struct targets *targets, struct samples *samples);

#endif
