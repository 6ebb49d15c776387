/* SPDX-License-Identifier: Apache-2.0 */
/* The other halves of split DWARF. libdw opens them itself, by path, and takes no descriptor. In a
 * process that may open nothing each such call becomes a signal, and here the signal an answer. */
#ifndef EXOPROF_SPLIT_FILES_H
#define EXOPROF_SPLIT_FILES_H

/* libdw looks in two places (libdw_find_split_unit.c). */
#define SPLIT_PLACES 2

struct split_files {
	struct {
		const char *path;
		int fd; /* -1: none is there, or it was taken */
	} places[SPLIT_PLACES];
};

/* From now on system calls that a filter traps (seccomp(2), SECCOMP_RET_TRAP) are answered: an
 * openat(2) of an expected path by its descriptor, which is the caller's then, of another one by
 * ENOENT; a readlink(2) by what it has to say of a descriptor, else by EINVAL: no link. For the
 * whole process: SIGSYS has one handler. */
void split_files__answer_traps(void);

/* What this thread expects; NULL: nothing any more. */
void split_files__expect(struct split_files *files);

#endif
