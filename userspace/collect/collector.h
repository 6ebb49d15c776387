/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel side as one object: loads it, attaches it, reads its maps. Used by one thread at a
 * time. Dropping it, by kill -9 too, leaves nothing in the target or the kernel: every program, map
 * and probe hangs on a file descriptor of ours. */
#ifndef EXOPROF_COLLECTOR_H
#define EXOPROF_COLLECTOR_H

#include "collect/eras.h"
#include "collect/figures.h"
#include "collect/news.h"
#include "collect/samples.h"
#include "collect/tables.h"
#include "target/allocator.h"
#include "target/process.h"

struct collector;

/* How a call's entry and return are probed. */
enum probe_flavour {
	PROBES_AUTO,    /* sessions where the kernel has them, else pairs */
	PROBES_SESSION, /* one session probe for both (kernel 6.13) */
	PROBES_PAIR,    /* a perf-event uprobe and uretprobe */
};

/* Where the stack of a thread that waits is walked. */
enum offcpu_walk {
	OFFCPU_WALK_AUTO,
	OFFCPU_WALK_BACK,   /* when it is back on the CPU, if it is wanted (kernel 6.16) */
	OFFCPU_WALK_SWITCH, /* when it leaves it, always */
};

struct offcpu_options {
	bool enabled;
	uint64_t min_ns;  /* shorter waits are left out */
	uint64_t rate_ns; /* of shorter ones one in so many is sampled that it comes with this much
			   * time on average; 1: all of them */
	enum offcpu_walk walk;
};

struct collector_options {
	bool follow_children;
	uint32_t frequency; /* CPU samples per second and CPU */
	uint64_t heap_rate; /* mean bytes between heap samples; 1: every allocation */
	enum probe_flavour flavour;
	struct offcpu_options offcpu;
	const struct worker_source *row_workers; /* see file_rows__new() */
};

/* Loads the programs, attaches nothing. NULL with errno set (EPERM: needs CAP_BPF and CAP_PERFMON;
 * ENOTSUP: the options ask for session uprobes, ENXIO: for sched_exit_tp; the kernel has none). */
struct collector *collector__open(const struct collector_options *options);
void collector__close(struct collector *collector); /* NULL is fine */

/* For the end of a process that cannot close it, since a thread that uses it is stuck: takes the
 * probes away, and nothing else. */
void collector__let_go(struct collector *collector);

/* Readable (POLLIN) when there is news. */
int collector__news_fd(const struct collector *collector);

void collector__take_news(struct collector *collector, const struct news_receiver *receiver);

/* Follows a process from here on; what it forks too, if the options say so. The number of its era,
 * or 0 with errno set (E2BIG: too many; EEXIST: it is followed already). */
uint32_t collector__follow(struct collector *collector, pid_t pid, bool was_asked_for);

/* See eras__update(). What was there and is of no use any more is forgotten. */
int collector__update_eras(struct collector *collector,
			   void (*each)(void *context, const struct era *era), void *context);

/* Takes back a follow that came to nothing. */
void collector__unfollow(struct collector *collector, uint32_t era);

/* The era that the process is in now, by the kernel side; 0: it is not followed. */
uint32_t collector__current_era(const struct collector *collector, pid_t pid);

/* Processes that exited so long ago that what they allocated is not in the books any more. */
uint64_t collector__forgotten(const struct collector *collector);

/* By its number, or NULL. Valid until the next update. */
const struct era *collector__era(const struct collector *collector, uint32_t number);

/* Makes the kernel side know the mappings of an era, and the unwind rows of the files in them. 0 or
 * -errno. */
int collector__set_maps(struct collector *collector, uint32_t era, struct maps *maps);

/* Puts into samples what a reader should know of their stacks. */
void collector__annotate(const struct collector *collector, struct samples *samples);

/* What the counters have counted until now is of an earlier program: they start afresh. */
void collector__rebase(struct collector *collector, uint32_t era);

/* Frees the kernel's memory of what belongs to earlier eras and spells. 0 or -errno. */
int collector__sweep(struct collector *collector);

/* Code in the process that an allocator's functions go through, and where that is probed in place
 * of them: see bpf/stub_probe.h. */
struct heap_stub {
	int fd; /* of the file that it is mapped from */
	uint64_t entry_offset, return_offset, free_offset;
};

/* Probes one file's functions in a process, or the stub (NULL: none) that they go through; beside
 * those of other files. 0 or -errno, with nothing of this one attached. */
int heap__attach(struct collector *collector, pid_t pid, const struct allocator *allocator,
		 const struct heap_stub *stub);

/* What such code has to say at its probes of which function it was called for; for good. `cookies`
 * has room for all of the allocator's. 0 or -errno. */
int heap__cookies(struct collector *collector, pid_t pid, const struct allocator *allocator,
		  uint64_t *cookies);

/* Mean bytes between samples, as of the options. */
uint64_t heap__rate(const struct collector *collector);

/* Adds what such code has counted itself. */
void heap__count(struct collector *collector, enum wire_counter counter, uint64_t more);

void heap__detach(struct collector *collector, pid_t pid); /* all of the process's */

/* The same of one file's. */
void heap__detach_file(struct collector *collector, pid_t pid, const struct elf_file *file);

/* Once it is gone: its probes' numbers may be another's. */
void heap__forget(struct collector *collector, pid_t pid);

/* Up to how many bytes a request of the process is sure not to be refused: larger ones of functions
 * that throw an exception then cannot be followed. 0 at first. */
void heap__set_safe_size(struct collector *collector, uint32_t era, uint64_t bytes);

/* Whether functions that throw an exception are followed: only where one can choose of which calls
 * the return is seen. */
bool heap__follows_throwing(const struct collector *collector);

/* Whether calls are probed by perf events, which takes CAP_SYS_ADMIN for each. */
bool heap__probes_by_perf(const struct collector *collector);

/* How calls are probed, in words. */
const char *heap__flavour(const struct collector *collector);

/* All that was counted since the attach, or since the last exec. NULL with errno set. */
struct samples *heap__snapshot(struct collector *collector);

/* From here on nothing is known of the blocks of the process that were in use until now: some of
 * their ends were not seen. What was allocated still counts. */
void heap__new_spell(struct collector *collector, uint32_t era);

struct heap_hits {
	uint64_t emulated, stepped; /* by what the kernel does with the probed instruction */
	uint64_t returns;           /* hits at the end of a call */
	uint64_t stack_ns;          /* that sampled calls spent on their stacks */
};

/* Of all probes of a process since the attach. 0 or -errno. */
int heap__hits(struct collector *collector, pid_t pid, struct heap_hits *hits);

/* What one hit takes of the target's time, without the stack walk of a sampled one. */
struct heap_prices {
	double emulated_ns, stepped_ns, return_ns;
};

/* Measures it, on a function of exoprof's own; takes some 50 ms the first time. 0 or -errno. */
int heap__calibrate(struct collector *collector, struct heap_prices *prices);

/* All time off the CPU since the attach, or since the last exec. NULL with errno set; ENODATA: it
 * is not followed. */
struct samples *offcpu__snapshot(struct collector *collector, bool with_tid);

/* The threads that were created since then, by who did so. NULL with errno set. */
struct samples *clones__snapshot(struct collector *collector);

/* The threads there are, each with its stack. None is stopped for it. NULL with errno set. */
struct samples *threads__snapshot(struct collector *collector, bool with_tid);

/* Whether samples shall say from now on which thread they are of; ask as often for no as for yes.
 */
void collector__want_tid(struct collector *collector, bool yes);

/* A span of time in which all threads' time is taken, on the CPU and off it. */
struct wall_window;

/* NULL with errno set. */
struct wall_window *wall__start(struct collector *collector, bool with_tid);

/* Ends the window, which is gone then. NULL with errno set. */
struct samples *wall__end(struct collector *collector, struct wall_window *window);
void wall__cancel(struct collector *collector, struct wall_window *window);

/* One request's time on the clock: all samples from its start to its end are its own, however many
 * others overlap. Sampling runs while there is at least one. */
struct cpu_window;

/* NULL with errno set where sampling cannot start. */
struct cpu_window *cpu__start(struct collector *collector, bool with_tid);

/* Ends the window, which is gone then. NULL with errno set. */
struct samples *cpu__end(struct collector *collector, struct cpu_window *window);

/* Gives what was collected since its start or the last taking; the window goes on from there, and
 * no sample is lost or given twice. NULL with errno set: the next taking has it all. */
struct samples *cpu__take(struct collector *collector, struct cpu_window *window);
void cpu__cancel(struct collector *collector, struct cpu_window *window);

#endif
