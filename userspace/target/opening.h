/* SPDX-License-Identifier: Apache-2.0 */
/* Opens the file of one mapping, unless its file system does not answer. */
#ifndef EXOPROF_OPENING_H
#define EXOPROF_OPENING_H

#include <sys/types.h>

#include "target/elf_file.h"
#include "target/map_line.h"
#include "target/patience.h"
#include "target/root.h"

/* A reference for the caller; `root` is where the process' paths begin, NULL: unknown. NULL with
 * errno set: as patience__run() has it where nobody answers. */
struct elf_file *opening__file(struct patience *patience, pid_t pid, struct root *root,
			       const struct map_line *line);

#endif
