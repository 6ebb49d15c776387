/* SPDX-License-Identifier: Apache-2.0 */
/* The unwind rows of files, read by a process without rights (unwind/cfi_worker.h). Nothing that it
 * says is believed; a file that ends it, or keeps it busy, has no rows. Who waits for it waits for
 * a limited time: an allowance for all, which grows back at a quarter of the time, and for each
 * file no longer than a quarter of what is left. So a program that maps one such file after the
 * other cannot keep exoprof from its work. */
#ifndef EXOPROF_FILE_ROWS_H
#define EXOPROF_FILE_ROWS_H

#include "reader/worker_ends.h"
#include "reader/worker_source.h"
#include "target/elf_file.h"
#include "unwind/cfi.h"

struct file_rows;

/* How long one file may take, and all of them; 0: 10 s, and a minute. */
struct file_rows_patience {
	int64_t answer_ms, allowance_ms;
};

/* The source (NULL: there are no workers) must outlive it. NULL with errno set. */
struct file_rows *file_rows__new(const struct worker_source *source,
				 const struct file_rows_patience *patience);
void file_rows__free(struct file_rows *rows); /* NULL is fine */

/* NULL with errno set: as cfi_table__open(), or EIO: reading it has failed, which is counted, and
 * said of the first few. */
struct cfi_table *file_rows__read(struct file_rows *rows, const struct elf_file *file);

/* None will be read for a while: the process ends, so that it takes no memory, and no file of one
 * program has a say in those of another. */
void file_rows__rest(struct file_rows *rows);

struct file_rows_figures {
	struct worker_ends ends;
	uint64_t failed; /* files */
};

void file_rows__figures(const struct file_rows *rows, struct file_rows_figures *figures);

#endif
