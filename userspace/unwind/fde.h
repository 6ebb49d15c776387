/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that a section of call-frame information describes. libdw finds the description of
 * an address, but lists no addresses; this lists them. */
#ifndef EXOPROF_FDE_H
#define EXOPROF_FDE_H

#include <libelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fde {
	uint64_t start, end; /* vaddr, end excluded */
	size_t program_size; /* bytes */
};

struct fde_list {
	struct fde *items;
	size_t count, capacity;
	size_t dropped; /* could not be decoded */
};

/* Lists .eh_frame (`is_eh_frame`) or .debug_frame. `section_vaddr` is where the section is mapped.
 * The list is sorted by start, without duplicates. 0, -ENOMEM, or
 * -EBADMSG where libdw must not see the section; what else is malformed is dropped. */
int fde_list__read(struct fde_list *list, const unsigned char *e_ident, Elf_Data *data,
		   uint64_t section_vaddr, bool is_eh_frame);
void fde_list__release(struct fde_list *list);

#endif
