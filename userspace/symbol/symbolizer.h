/* SPDX-License-Identifier: Apache-2.0 */
/* An address gets names and lines, where something tells. What was found is kept, so that an
 * address is looked up once. The targets' files are read by another process (symbol/worker.h);
 * where one ends that, or keeps it busy, addresses in it have no names. Used by one thread at a
 * time. */
#ifndef EXOPROF_SYMBOLIZER_H
#define EXOPROF_SYMBOLIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbol/debuginfod.h"
#include "symbol/worker_figures.h"
#include "target/maps.h"

struct symbolizer;

struct symbolizer_options {
	const char *const *debug_dirs; /* see debug_files__new() */
	/* The resident set of this process and of the one that reads files, above which something
	 * is let go of; 0: the default. What others keep in it is not the symbolizer's to let go
	 * of: an eighth of it and 16 MiB are always allowed on top of them. */
	size_t memory_bytes;
	/* Where those that read files come from, see nursery__source(); NULL: no file is read. Must
	 * outlive it. */
	const struct worker_source *workers;
	int64_t answer_ms; /* see worker_link__new() */
};

#define SYMBOLIZER_MEMORY_DEFAULT (128UL << 20)

/* The options' strings must outlive it. NULL with errno set. */
struct symbolizer *symbolizer__new(const struct symbolizer_options *options);
void symbolizer__free(struct symbolizer *symbolizer); /* NULL is fine */

/* Forgets what was found in files whose debug files have come since: fetched, or installed; and
 * what could not be found because reading a file had failed. What was asked for before may be asked
 * for again. Once for each profile. */
void symbolizer__look_again(struct symbolizer *symbolizer);

/* One function that an address belongs to. */
struct symbol_line {
	const char *name;        /* for a person */
	const char *system_name; /* as the linker knows it */
	const char *file;        /* NULL: unknown */
	int64_t line;            /* 0: unknown, as is the other */
	int64_t start_line;      /* of the function */
};

/* What is known of an address. Valid until the symbolizer is asked again. */
struct symbol_answer {
	const struct symbol_line *lines; /* more than one: innermost inlined function first */
	size_t count;                    /* 0: no symbol covers it */
	bool tells_inlined;              /* what was inlined here is known */
	/* Where the code that it is in begins, as the file's own headers count; the address itself
	 * where nothing tells. What has no name is named by it. */
	uint64_t function_vaddr;
	uint64_t offset; /* of the address in that code; 0: it begins there, or unknown */
};

/* Says that these will be asked for, to have many looked up at once: what is to come of a profile,
 * and then symbolizer__look_up(). */
void symbolizer__expect_jit(struct symbolizer *symbolizer, struct jit_file *jit,
			    uint64_t runtime_pc);
void symbolizer__expect_user(struct symbolizer *symbolizer, const struct mapping *mapping,
			     uint64_t runtime_pc);
void symbolizer__look_up(struct symbolizer *symbolizer);

/* How many addresses have no name because reading their file failed, since
 * symbolizer__look_again(). */
size_t symbolizer__lost(const struct symbolizer *symbolizer);

/* A runtime address in code that a JIT compiler has made and listed in the file. */
void symbolizer__jit(struct symbolizer *symbolizer, struct jit_file *jit, uint64_t runtime_pc,
		     struct symbol_answer *answer);

/* A runtime address within the mapping. */
void symbolizer__user(struct symbolizer *symbolizer, const struct mapping *mapping,
		      uint64_t runtime_pc, struct symbol_answer *answer);

void symbolizer__kernel(struct symbolizer *symbolizer, uint64_t address,
			struct symbol_answer *answer);

/* Of addresses in files. */
struct symbolizer_figures {
	uint64_t hits, misses; /* questions that a kept answer was there for, and others */
	size_t answers;        /* that are kept */
	size_t open_files;
	size_t bytes; /* what both take in memory, here and there */
	struct worker_figures worker;
};

void symbolizer__figures(const struct symbolizer *symbolizer, struct symbolizer_figures *figures);

/* Debug files that are fetched. By any thread. */
void symbolizer__fetches(const struct symbolizer *symbolizer, struct debuginfod_figures *figures);

#endif
