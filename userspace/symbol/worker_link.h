/* SPDX-License-Identifier: Apache-2.0 */
/* The worker (symbol/worker.h) as exoprof sees it: it may be whatever a hostile file has made of
 * it. Nothing that it says is believed, and it is not waited for any longer than an honest one
 * needs. */
#ifndef EXOPROF_WORKER_LINK_H
#define EXOPROF_WORKER_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbol/companions.h"
#include "symbol/found.h"
#include "symbol/worker_figures.h"

struct worker_link;

/* How long an answer may take; 0: the default, 10 seconds. NULL with errno set. */
struct worker_link *worker_link__new(const struct worker_source *source, int64_t answer_ms);
void worker_link__free(struct worker_link *link); /* NULL is fine */

/* A file that the worker gets when it is asked for. */
struct linked_file {
	uint64_t number; /* no other file's ever */
	int fd;
	struct companions *companions; /* NULL: it is a list of a JIT compiler's */
	uint64_t sent_to;              /* the worker that has it; 0: none */
};

/* Addresses to a question. */
#define WORKER_LINK_ADDRESSES_MAX 4096

/* A NULL answer: memory was short. Its strings are there until the function returns. */
typedef void worker_link_answer(void *context, uint64_t address, const struct found *found);

struct worker_question {
	struct linked_file *file;
	const uint64_t *addresses;
	size_t count;
	size_t memory_bytes; /* that the worker may take; see open_files__set_ceiling() */
	worker_link_answer *answer;
	void *context;
};

/* Asks, and calls `answer` for each address in order; how many it was is in `answered`. 0;
 * -ENOLINK: there is no worker, nor will there be before worker_link__try_again(); -EIO: it ended,
 * or was ended, over the address that would have been next. */
int worker_link__ask(struct worker_link *link, const struct worker_question *question,
		     size_t *answered);

/* The file is not asked for any more. */
void worker_link__forget(struct worker_link *link, struct linked_file *file);

/* The name for a person; NULL: the symbol itself. Valid until the next call. */
const char *worker_link__demangle(struct worker_link *link, const char *symbol);

/* For a new profile: what could not be had may be there now, and there is time for it. */
void worker_link__try_again(struct worker_link *link);

void worker_link__figures(const struct worker_link *link, struct worker_figures *figures);

#endif
