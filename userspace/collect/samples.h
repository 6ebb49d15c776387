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
	char thread[WIRE_COMM_BYTES]; /* cpu: the thread's name, NUL-terminated */
	uint64_t size;                /* heap: bytes of each object */
	uint32_t spell;               /* heap: see struct wire_heap_key */
	int64_t samples;              /* cpu: ticks; heap: objects allocated */
	int64_t frees;                /* heap: those of them that are gone */
	bool is_closed; /* heap: of an earlier spell; whether they are gone is not known */
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
	uint64_t preattach_bytes; /* heap: in use since before the attach, estimated */
	bool show_preattach;      /* as a frame, in the totals */
	int64_t time_ns;          /* end, since the epoch */
	int64_t duration_ns;      /* 0: everything since the attach */
	bool target_gone;         /* the target exited before the collection was due to end */
};

struct samples *samples__new(enum samples_source source); /* NULL with errno set */
void samples__free(struct samples *samples);              /* NULL is fine */

/* Takes its own reference to the maps. 0 or -ENOMEM. */
int samples__add_process(struct samples *samples, struct sample_process process);

/* Takes over the frames, also where it fails. 0 or -ENOMEM. */
int samples__add_stack(struct samples *samples, struct sample_stack stack);
int samples__add_row(struct samples *samples, struct sample_row row);

/* What is there already is not added again. 0 or -ENOMEM. */
int samples__add_note(struct samples *samples, const char *text);

/* Takes what an earlier collection of the same source had counted out of a later one, and makes it
 * a profile of the time between them. 0 or -ENOMEM. */
int samples__subtract(struct samples *later, const struct samples *earlier);

#endif
