/* SPDX-License-Identifier: Apache-2.0 */
/* Frees the kernel's memory of what nobody will ask for any more. */
#ifndef EXOPROF_SWEEP_H
#define EXOPROF_SWEEP_H

#include <bpf/libbpf.h>

#include "base/intern.h"
#include "collect/eras.h"

/* A map of counts, whose keys begin with the hash of a stack. */
struct sweep_map {
	struct bpf_map *map;
	size_t era_at;     /* where in a key the number of the era is */
	uint64_t *removed; /* is told how many were deleted */
};

/* Deletes the rows of eras that count no more: what a process did before an exec, and what one did
 * that is forgotten. 0 or -errno. */
int sweep__rows(const struct sweep_map *rows, const struct eras *eras);

/* Deletes the stacks that none of these has rows of, nor the `held_size` bytes of hashes at `held`,
 * and had none of the last time: one that was just walked may not have its row yet. Or a program
 * that executes itself again and again would fill the map. `unused` (NULL at first) remembers those
 * of this time. 0 or -errno. */
int sweep__stacks(const struct sweep_map *stacks, struct intern **unused,
		  const struct sweep_map *rows, size_t count, const char *held, size_t held_size);

#endif
