/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the separate file that holds a stripped file's symbols and DWARF: on the host, in the
 * target's own root (a container), and on debuginfod servers where DEBUGINFOD_URLS names some. Used
 * by one thread at a time. */
#ifndef EXOPROF_DEBUG_FILES_H
#define EXOPROF_DEBUG_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "symbol/debuginfod.h"
#include "target/elf_file.h"

struct debug_files;

/* `dirs` ends with NULL, may be NULL itself, and is looked through before /usr/lib/debug. NULL with
 * errno set. */
struct debug_files *debug_files__new(const char *const *dirs);
void debug_files__free(struct debug_files *files); /* NULL is fine */

/* Where a debug file was found. */
struct debug_place {
	const struct root *root; /* as long as `files` and `file` */
	char *path;              /* malloc()ed */
};

/* The debug file of `file`: by build ID, else by the name and the CRC of its .gnu_debuglink (a NULL
 * name: it has none; a name with a slash is none). An fd, the caller's, with its place, which is
 * all zero before; -1 where there is none that fits. That is remembered for a minute. */
int debug_files__find(struct debug_files *files, const struct elf_file *file, const char *debuglink,
		      uint32_t crc, struct debug_place *place);

/* Whether debug_files__find(), which had nothing for this file, would have something now: fetched
 * since, or installed; the folders are looked through again once a minute. Says so once. Without
 * system calls where there is no news. */
bool debug_files__has_arrived(struct debug_files *files, const struct elf_file *file);

/* Of what is fetched; zeros where nothing is. By any thread. */
void debug_files__fetches(const struct debug_files *files, struct debuginfod_figures *figures);

#endif
