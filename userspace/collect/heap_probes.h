/* SPDX-License-Identifier: Apache-2.0 */
/* The uprobes on allocators' functions. */
#ifndef EXOPROF_HEAP_PROBES_H
#define EXOPROF_HEAP_PROBES_H

#include "collect/internal.h"

struct heap_probes;

/* The probes' links are the keeper's. NULL with errno set. */
struct heap_probes *heap_probes__new(struct link_keeper *keeper);
void heap_probes__free(struct heap_probes *probes); /* detaches; NULL is fine */

/* Chooses how functions are probed, between open and load. 0 or -errno. */
int heap_probes__configure(struct heap_probes *probes, struct collector *collector);

/* Whether functions that throw are probed. */
bool heap_probes__follow_throwing(const struct heap_probes *probes);

const char *heap_probes__flavour(const struct heap_probes *probes);

/* Probes one file's functions in a process, or the stub (NULL: none) that they go through. 0 or
 * -errno, with none of them probed. */
int heap_probes__attach(struct heap_probes *probes, struct collector *collector, pid_t pid,
			const struct allocator *allocator, const struct heap_stub *stub);

/* `file`: NULL, of all files. */
void heap_probes__detach(struct heap_probes *probes, pid_t pid, const struct elf_file *file);

/* As of heap__cookies(). */
int heap_probes__cookies(struct heap_probes *probes, struct collector *collector, pid_t pid,
			 const struct allocator *allocator, uint64_t *cookies);

/* Detaches for good. */
void heap_probes__forget(struct heap_probes *probes, pid_t pid);

/* Hits so far, of all that was ever attached to the process. 0 or -errno. */
int heap_probes__hits(const struct heap_probes *probes, struct collector *collector, pid_t pid,
		      struct heap_hits *hits);

/* Measures what a hit takes, once. 0 or -errno. */
int heap_probes__calibrate(struct heap_probes *probes, struct collector *collector,
			   struct heap_prices *prices);

#endif
