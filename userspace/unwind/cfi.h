/* SPDX-License-Identifier: Apache-2.0 */
/* The call-frame information of one ELF file as a table of rows: from this address on, so one gets
 * from a frame to its caller's. Compiled through libdw from .eh_frame, or .debug_frame where there
 * is no .eh_frame; what that leaves out has the rows of bare_code.h. Pure: a file in, rows out. */
#ifndef EXOPROF_CFI_H
#define EXOPROF_CFI_H

#include <linux/types.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

/* What a file may have. libLLVM, of 110 MB, has 0.9 million rows. Behind the last there is room for
 * one more, which ends it. */
#define CFI_ROWS_MAX  16000000
#define CFI_RULES_MAX 65535

struct cfi_row {
	uint64_t vaddr; /* as the file's own headers count; goes on to the next row's */
	uint32_t rule;  /* index into the table's rules */
};

/* The rows of one ELF file, sorted by address; neighbours differ. Rule 0 is "no information", and
 * the last row always has it. */
struct cfi_table {
	struct cfi_row *rows;
	size_t row_count, row_capacity;
	struct wire_unwind_rule *rules;
	size_t rule_count, rule_capacity;
	size_t dropped; /* functions left out: not decodable, or over a limit */
};

/* Compiles the table of the file behind `elf_fd`, which stays the caller's. NULL with errno set:
 * ENOENT for a file without call-frame information, EBADMSG for one that is not readable ELF. */
struct cfi_table *cfi_table__open(int elf_fd);
void cfi_table__close(struct cfi_table *table); /* NULL is fine */

/* The rule that holds at this address. */
const struct wire_unwind_rule *cfi_table__rule(const struct cfi_table *table, uint64_t vaddr);

#endif
