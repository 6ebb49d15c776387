/* SPDX-License-Identifier: Apache-2.0 */
/* Which functions of an allocator a process could have left for a stub, and the stub itself, for
 * where there is room. Nothing is done to the process. */
#ifndef EXOPROF_PLAN_H
#define EXOPROF_PLAN_H

#include "inline/stub_image.h"
#include "target/allocator.h"
#include "target/maps.h"

struct plan_function {
	const struct allocator_probe *probe; /* the allocator's */
	uint64_t address;
	unsigned char code[HOOK_COPY_MAX]; /* as it begins */
	struct hook_place place;
	uint64_t entry;  /* where its jump leads to */
	const char *why; /* it cannot be; NULL: it can */
};

struct plan {
	struct plan_function functions[ALLOCATOR_PROBES_MAX];
	size_t count, possible;
	struct stub_image image;
	const char *why; /* none of them can be; NULL: some can */
};

/* The caller's to free, by free(3); the allocator must outlive it. `cookies`: what the stub has to
 * say at its probes, one for each of the allocator's functions; NULL where it is not probed.
 * NULL with errno set. */
struct plan *plan__make(pid_t pid, const struct maps *maps, const struct allocator *allocator,
			const uint64_t *cookies, const struct stub_books *books);

#endif
