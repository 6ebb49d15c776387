/* SPDX-License-Identifier: Apache-2.0 */
/* What one request collected: stacks of addresses with counts, before anything has a name. Plain
 * data, owned by whoever holds it, independent of the collector it came from. */
#ifndef EXOPROF_SAMPLES_H
#define EXOPROF_SAMPLES_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target/maps.h"
#include "wire.h"

enum samples_source {
	SAMPLES_CPU,
	SAMPLES_HEAP,
	SAMPLES_WAITS,   /* time off the CPU */
	SAMPLES_WALL,    /* both on and off it */
	SAMPLES_THREADS, /* those there are, each once */
	SAMPLES_CLONES,  /* threads that were created */
};

struct sample_stack {
	uint64_t hash;
	uint32_t kernel_depth, user_depth;
	uint32_t end; /* enum wire_stack_end */
	uint64_t
		*frames; /* kernel frames, then user frames, leaf first; NULL: the stack was lost */
};

/* A process while it executes one program: what the addresses of its stacks mean. */
struct sample_process {
	uint32_t era; /* see enum wire_era_origin */
	pid_t pid;
	struct maps *maps; /* NULL: never read */
};

struct sample_row {
	uint32_t stack; /* index, as is the next */
	uint32_t process;
	char thread[WIRE_COMM_BYTES]; /* all but heap: the thread's name, NUL-terminated */
	uint32_t tid;                 /* 0: not told apart */
	struct wire_wait wait;        /* waits, threads, wall: what it does off the CPU */
	bool is_running;              /* threads, wall: it is on one */
	uint64_t size;                /* heap: bytes of each object */
	uint32_t spell;               /* heap: see struct wire_heap_key */
	int64_t samples; /* cpu: ticks; heap: objects allocated; waits: times WIRE_WAIT_ONE; else
			  * threads */
	int64_t frees;   /* heap: those of them that are gone */
	int64_t ns;      /* waits, wall: their sum; threads: since when it is off the CPU */
	bool is_closed;  /* heap: of an earlier spell; whether they are gone is not known */
};

struct samples {
	enum samples_source source;
	uint32_t frequency; /* cpu: ticks per second */
	uint64_t heap_rate; /* heap: mean bytes between samples */
	uint32_t since_era; /* heap: counters are from there on */
	struct sample_process *processes;
	size_t process_count, process_capacity;
	struct sample_stack *stacks;
	size_t stack_count, stack_capacity;
	struct sample_row *rows;
	size_t row_count, row_capacity;
	uint64_t counters[WIRE_COUNTERS]; /* over the time of the collection */
	const char *how;                  /* cpu: what ticks; a constant */
	char **notes;                     /* what else the reader should know, a line each */
	size_t note_count, note_capacity;
	const char *walk;             /* waits: how their stacks are walked; a constant */
	uint64_t wait_min_ns;         /* waits: shorter ones are left out */
	uint64_t wait_rate_ns;        /* waits: shorter ones are sampled */
	uint64_t rowless_files;       /* whose unwind rows had no room when it was read */
	uint64_t threads_missed;      /* threads: that would not be looked at */
	int64_t threads_before;       /* clones: created before the attach */
	uint64_t preattach_bytes;     /* heap: in use since before the attach, estimated */
	bool show_preattach;          /* as a frame, in the totals */
	char thread[WIRE_COMM_BYTES]; /* only what is of threads of this name; empty: of all */
	int64_t time_ns;              /* end, since the epoch */
	int64_t monotonic_ns;         /* the same by the clock that nobody sets */
	int64_t duration_ns;          /* 0: everything since the attach */
	bool target_gone;             /* the target exited before the collection was due to end */
};

struct samples *samples__new(enum samples_source source); /* NULL with errno set */

/* They end now. */
void samples__stamp(struct samples *samples);
void samples__free(struct samples *samples); /* NULL is fine */

/* Takes its own reference to the maps. 0 or -ENOMEM. */
int samples__add_process(struct samples *samples, struct sample_process process);

/* Takes over the frames, also where it fails. 0 or -ENOMEM. */
int samples__add_stack(struct samples *samples, struct sample_stack stack);
int samples__add_row(struct samples *samples, struct sample_row row);

/* What is there already is not added again. 0 or -ENOMEM. */
int samples__add_note(struct samples *samples, const char *text);

/* Adds the rows of another collection, times `sign`, 1 or -1: to those that are equal in all but
 * what is counted, or as new ones. 0 or -ENOMEM. */
int samples__merge(struct samples *into, const struct samples *from, int sign);

/* A copy of all that is in it. NULL with errno set. */
struct samples *samples__copy(const struct samples *samples);

/* Drops what is not of threads of that name. */
void samples__keep_thread(struct samples *samples, const char *thread);

/* Takes what an earlier collection of the same source had counted out of a later one, and makes it
 * a profile of the time between them. 0 or -ENOMEM. */
int samples__subtract(struct samples *later, const struct samples *earlier);

/* The same, but what is in use stays as it is: only what was allocated is a difference. */
int samples__subtract_allocs(struct samples *later, const struct samples *earlier);

#endif
