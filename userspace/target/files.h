/* SPDX-License-Identifier: Apache-2.0 */
/* The mapped files of all processes that are looked at, each open once: however many processes have
 * the same library mapped, it costs one descriptor, and is known by one address. Used by one
 * thread; what it gives is anybody's. */
#ifndef EXOPROF_FILES_H
#define EXOPROF_FILES_H

#include "target/elf_file.h"
#include "target/map_line.h"
#include "target/patience.h"

struct files;

struct files *files__new(void); /* NULL with errno set */

/* What it gave stays. Says what files__note_failure() was told and nobody was told of yet. */
void files__free(struct files *files); /* NULL is fine */

/* For what its files' owners do with them: opening and reading. */
struct patience *files__patience(struct files *files);

/* The file, which is taken over, or one like it that is there; a reference for the caller. Files
 * are one if nothing tells them apart: their stamps, their names, and the roots (NULL: unknown)
 * below which a debugger would look for what belongs to them. NULL with errno set; EBADF: its stamp
 * is unknown. */
struct elf_file *files__share(struct files *files, struct elf_file *file, struct root *root);

/* The file that is mapped there, a reference, if it is one that is there already and was not
 * written to: nothing is opened, and no file system asked. Else NULL. */
struct elf_file *files__find(struct files *files, const struct map_line *line,
			     const struct root *root);

/* The vDSO, a reference; NULL where there is none. */
struct elf_file *files__vdso(struct files *files);

/* Closes what nobody else has a reference to. */
void files__drop_unused(struct files *files);

/* If this -errno is for want of descriptors: drops what is unused. Gives whether to try again. */
bool files__make_room(struct files *files, int err);

/* Something of a target's could not be opened: counts it if it was for want of descriptors, or
 * because a file system did not answer. */
void files__note_failure(struct files *files, int err);

/* For now and then: drops what is unused, and says what was counted. Does nothing if it did
 * something within the last second. */
void files__tend(struct files *files);

#endif
