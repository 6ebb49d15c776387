/* SPDX-License-Identifier: Apache-2.0 */
/* The files whose addresses are named, by the numbers that who asks has given them. What is read of
 * them is let go of again when it becomes too much. */
#ifndef EXOPROF_OPEN_FILES_H
#define EXOPROF_OPEN_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "symbol/found.h"
#include "symbol/opener.h"

struct open_files;

/* `opener` is copied, its place aside, and what it leads to must outlive the files. NULL with errno
 * set. */
struct open_files *open_files__new(const struct opener *opener);
void open_files__free(struct open_files *files); /* NULL is fine */

/* Takes the fd over, also where it fails. An ELF file, whose paths begin at `place`. 0 or -errno;
 * -EEXIST: there is one of that number. */
int open_files__add(struct open_files *files, uint64_t number, int fd,
		    const struct dwarf_place *place);

/* The same, of the list of a JIT compiler's functions: its addresses are those at run time. */
int open_files__add_list(struct open_files *files, uint64_t number, int fd);

void open_files__close(struct open_files *files,
		       uint64_t number); /* one that is not there is fine */

/* The resident set of the process above which something is let go of. An eighth of it and 4 MiB are
 * always allowed on top of what cannot be. */
void open_files__set_ceiling(struct open_files *files, size_t bytes);

/* What is known of an address, names for a person included. Valid until the next call. NULL where
 * memory is short or there is no such file. */
const struct found *open_files__find(struct open_files *files, uint64_t number, uint64_t address);

/* The name for a person; NULL: the symbol itself. As long as the above. */
const char *open_files__demangle(struct open_files *files, const char *symbol);

struct open_files_figures {
	uint64_t open, bytes; /* that were read, and what that takes */
};

void open_files__figures(const struct open_files *files, struct open_files_figures *figures);

#endif
