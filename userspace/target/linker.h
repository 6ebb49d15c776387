/* SPDX-License-Identifier: Apache-2.0 */
/* Whose malloc the target's calls reach if several loaded objects have one: its dynamic linker
 * takes the first in the order of its own list of objects, which is read here from outside. */
#ifndef EXOPROF_LINKER_H
#define EXOPROF_LINKER_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Load biases of the loaded objects, in the order in which the linker looks symbols up: the program
 * (0 if it is not position-independent), what LD_PRELOAD names, dependencies breadth first, then
 * what was opened by dlopen(), also what only its opener sees (RTLD_LOCAL). The vDSO is in it
 * somewhere; objects of other namespaces (dlmopen) are not. */
struct linker_order {
	uint64_t *biases;
	size_t count;
};

/* While the linker is loading, the objects so far. The order is empty where it fails:
 *   -ENOENT	there is no dynamic linker (a static program, or the linker itself was started, with
 *		the program as its argument), or it has not got that far
 *   -EBADMSG	a list that makes no sense, or one that changed while it was read
 *   -ESRCH	no such process, or it has exited
 * or what the kernel said. */
int linker__order(pid_t pid, struct linker_order *order);
void linker__release(struct linker_order *order); /* an empty one is fine */

/* The bias's place in the order; SIZE_MAX: not there. */
size_t linker__rank(const struct linker_order *order, uint64_t bias);

/* What follows is the parts of linker__order(), declared for tests. */

/* What the kernel tells a program of its own headers. */
struct linker_program {
	uint64_t phdr; /* runtime address */
	uint64_t phnum, phent;
};

/* 0, or -EBADMSG where something is missing, the AT_NULL at the end too. */
int linker__program(const Elf64_auxv_t *entries, size_t count, struct linker_program *program);

struct linker_memory {
	/* All of `size` bytes, or -errno. */
	int (*read)(void *context, uint64_t address, void *buffer, size_t size);
	void *context;
};

int linker__walk(const struct linker_memory *memory, const struct linker_program *program,
		 struct linker_order *order);

#endif
