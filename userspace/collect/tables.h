/* SPDX-License-Identifier: Apache-2.0 */
/* Fills the maps that the kernel side unwinds by: rows of each ELF file, once, and the mappings of
 * the target, as often as they change. */
#ifndef EXOPROF_TABLES_H
#define EXOPROF_TABLES_H

#include <stdint.h>

#include "target/maps.h"

struct eras;
struct exoprof_bpf;
struct file_rows;
struct tables;

/* What it is given must outlive it. NULL with errno set. */
struct tables *tables__new(struct exoprof_bpf *skel, struct eras *eras,
			   struct file_rows *file_rows);
void tables__free(struct tables *tables); /* NULL is fine */

/* Makes the kernel side know the mappings of an era, and compiles the rows of files that are new. A
 * file that has none, or that there is no room for, is left to the frame pointer; for the latter
 * the era has a time at which it is worth another try. What no era maps any more gives its room
 * back. 0 or -errno. */
int tables__update(struct tables *tables, uint32_t era, const struct maps *maps);

struct tables_size {
	uint64_t files, rows;
	uint64_t files_without_room;
	uint64_t files_let_go; /* since the start: that nothing mapped any more */
	uint64_t bytes;        /* of kernel memory for rows */
	uint64_t blocks, pages, rules;
	uint64_t mappings; /* in the pool */
};

/* Files that have no rows for want of room, or too few. */
uint64_t tables__files_without_room(const struct tables *tables);

void tables__size(const struct tables *tables, struct tables_size *size);

#endif
