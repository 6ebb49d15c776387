/* SPDX-License-Identifier: Apache-2.0 */
/* Opens, by exoprof's own rights, what one of the target's files leads to: for who reads that file
 * and has none. */
#ifndef EXOPROF_COMPANIONS_H
#define EXOPROF_COMPANIONS_H

#include "symbol/debug_files.h"
#include "symbol/opener.h"
#include "target/elf_file.h"

struct companions;

/* The file and the debug files must outlive it. NULL with errno set. */
struct companions *companions__new(const struct elf_file *file, struct debug_files *debug_files);
void companions__free(struct companions *companions); /* NULL is fine */

void companions__place(const struct companions *companions, struct dwarf_place *place);

/* As struct opener has them. What asks is not trusted: no path leads out of its root, and what is
 * opened is a regular file that begins as ELF does. */
int companions__find_debug(struct companions *companions, const char *debuglink, uint32_t crc,
			   struct dwarf_place *place);
int companions__open_part(struct companions *companions, bool of_debug, bool on_host,
			  const char *path);

#endif
