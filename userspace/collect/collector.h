/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel side as one object: loads it, attaches it, reads its maps. Used by one thread at a
 * time. Dropping it, by kill -9 too, leaves nothing in the target or the kernel: every program, map
 * and probe hangs on a file descriptor of ours. */
#ifndef EXOPROF_COLLECTOR_H
#define EXOPROF_COLLECTOR_H

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

struct collector_options {
	pid_t pid;
	uint32_t frequency; /* CPU samples per second and CPU */
	uint64_t heap_rate; /* mean bytes between heap samples; 1: every allocation */
	enum probe_flavour flavour;
};

/* Loads the programs, attaches nothing. NULL with errno set (EPERM: needs CAP_BPF and CAP_PERFMON).
 */
struct collector *collector__open(const struct collector_options *options);
void collector__close(struct collector *collector); /* NULL is fine */

/* Readable (POLLIN) when the target's mappings may have changed. */
int collector__news_fd(const struct collector *collector);

/* Takes in the news; true if the mappings should be read. */
bool collector__take_news(struct collector *collector);

/* Makes the kernel side know the target's mappings, and the unwind rows of the files in them. 0 or
 * -errno. */
int collector__set_maps(struct collector *collector, const struct maps *maps);

/* How much there is of unwind rows. */
void collector__tables_size(const struct collector *collector, struct tables_size *size);

/* Probes the allocator's functions in the target. 0 or -errno, with nothing attached; -ENOTSUP for
 * a flavour that the kernel has not. */
int heap__attach(struct collector *collector, const struct allocator *allocator);

/* How it is probed, in words; "" while it is not. */
const char *heap__flavour(const struct collector *collector);

/* All that was counted since the attach. NULL with errno set. */
struct samples *heap__snapshot(struct collector *collector, struct maps *maps);

/* One request's time on the clock: all samples from its start to its end are its own, however many
 * others overlap. Sampling runs while there is at least one. */
struct cpu_window;

/* NULL with errno set where sampling cannot start. */
struct cpu_window *cpu__start(struct collector *collector);

/* Ends the window, which is gone then. NULL with errno set. */
struct samples *cpu__end(struct collector *collector, struct cpu_window *window, struct maps *maps);
void cpu__cancel(struct collector *collector, struct cpu_window *window);

#endif
