/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of collect/ share among themselves. */
#ifndef EXOPROF_COLLECT_INTERNAL_H
#define EXOPROF_COLLECT_INTERNAL_H

#include <bpf/libbpf.h>

#include "collect/collector.h"
#include "collect/eras.h"
#include "collect/figures.h"
#include "collect/file_rows.h"
#include "collect/link_keeper.h"

#include "exoprof.skel.h"

struct cpu_source;
struct heap_source;

#define LIFE_LINKS 6

struct collector {
	struct exoprof_bpf *skel;
	struct collector_options options;
	struct cpu_source *cpu;
	struct heap_source *heap;
	struct eras *eras;
	struct file_rows *file_rows;
	struct tables *tables;
	struct news *news;
	struct link_keeper *keeper;
	int life_links[LIFE_LINKS];             /* as it keeps them; -1: none */
	uint32_t since_era;                     /* counters are from there on */
	uint64_t since_counters[WIRE_COUNTERS]; /* what they were then */
	uint64_t counted[WIRE_COUNTERS];        /* by user space */
	struct intern *unused_stacks; /* hashes, of kept_stacks, when they were last looked at */
	uint64_t removed[WIRE_FILLS]; /* elements, by user space, less those put back */
	uint64_t map_bytes;           /* of the maps that were there from the start */
};

/* Each source: its state, made before anything is attached, and freed before its links' keeper.
 * NULL with errno set. */
struct cpu_source *cpu_source__new(struct link_keeper *keeper);
void cpu_source__free(struct cpu_source *source);
struct heap_source *heap_source__new(struct link_keeper *keeper);
void heap_source__free(struct heap_source *source);
/* Sets up the source's maps and programs between open and load. */
int heap_source__configure(struct collector *collector);

int heap__sweep(struct collector *collector);

/* Likewise: chooses what is loaded of it. */
int offcpu__configure(struct collector *collector);
void threads__configure(struct collector *collector);

/* Once the programs are loaded. */
void offcpu__find_scheduler(struct collector *collector);

/* A process's time off the CPU counts from here on, for threads, too, that are off it already. 0 or
 * -errno. */
int offcpu__begin(struct collector *collector, pid_t pid);
int offcpu__sweep(struct collector *collector);

/* Forgets which threads waits were of: nobody wants to know any more. */
void offcpu__forget_tids(struct collector *collector);

/* Whether the kernel can walk the stacks of threads that do not run. */
bool threads__can_look(void);

/* Drops from a snapshot of threads those whose wait has ended since. 0 or -errno. */
int threads__drop_ended(struct collector *collector, struct samples *threads);

/* As offcpu__begin(), with their stacks. 0 or -errno. */
int threads__begin_waits(struct collector *collector);

/* Runs an iterator program over all threads of the machine, and gives what it wrote, malloc()ed, in
 * `bytes`. 0 or -errno. */
int iterate__threads(struct bpf_program *program, char **bytes, size_t *size);

/* The same of one that writes nothing. */
int iterate__silently(struct bpf_program *program);

/* The first `count` values of an array that each CPU has one of, summed over the CPUs. 0 or -errno.
 */
int map__sum_cpus(const struct bpf_map *map, uint64_t *sums, uint32_t count);

/* Of kernel memory, as the kernel tells it; 0: unknown. */
uint64_t map__bytes(const struct bpf_map *map);

/* All counters. 0 or -errno. */
int counters__read(const struct collector *collector, uint64_t counters[WIRE_COUNTERS]);

/* The same from the last exec on, into the samples. 0 or -errno. */
int counters__of_program(struct collector *collector, struct samples *samples);

/* The first epoch that CPU samples may still be asked for of; UINT64_MAX: none. */
uint64_t cpu__oldest_epoch(const struct collector *collector);

/* Forgets the counts and stacks that no window needs any more; `again`: stacks have come since,
 * that no count is of. */
void cpu__forget_old(struct collector *collector, bool again);

/* Samples that are being put together: each stack is read once, and each process noted once. */
struct gathering {
	struct samples *samples;
	const struct eras *eras;
	struct intern *ids;         /* of stack hashes: the stack's index in the samples */
	struct intern *process_ids; /* of eras: the process's index in the samples */
	struct intern *row_ids;     /* of what makes rows equal: the row's index in the samples */
	int stacks_fd;
};

/* `eras` are brought up to date first. 0 or -errno. */
int gathering__begin(struct gathering *gathering, struct collector *collector,
		     struct samples *samples, const struct bpf_map *stacks);
void gathering__end(struct gathering *gathering);

/* Where in the samples the process that was in that era is. 0; -ENOENT for an era that nothing is
 * known of any more, or -ENOMEM. */
int gathering__process(struct gathering *gathering, uint32_t era, uint32_t *index);

/* Where in the samples the stack of that hash is, adding it where it is new. 0 or -ENOMEM. */
int gathering__stack(struct gathering *gathering, uint64_t hash, uint32_t *index, bool *is_new);

/* The row that is equal to this one in stack, process, thread and what it waits for, adding it
 * where it is new, with nothing counted yet. 0 or -ENOMEM. */
int gathering__row(struct gathering *gathering, const struct sample_row *like,
		   struct sample_row **row);

/* Reads a stack, with frames that are the caller's; without any where the hash is WIRE_STACK_LOST
 * or not there. 0 or -ENOMEM. */
int map__read_stack(int map_fd, uint64_t hash, struct sample_stack *stack);

/* Calls `each` for all elements of a hash map; what is added or removed meanwhile may be met or
 * not. An element is met at most once, but for those of a map that is being resized, which ours are
 * not. 0, or the first other thing that `each` gave, or -errno. */
int map__each(int map_fd, size_t key_size, size_t value_size,
	      int (*each)(void *context, const void *key, const void *value), void *context);

#endif
