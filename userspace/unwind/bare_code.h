/* SPDX-License-Identifier: Apache-2.0 */
/* Rows for code that no call-frame information covers, found by following what its instructions do
 * to the stack. The C start-up files define such code, and every program and library has a copy of
 * it that runs at start and exit: _init, _fini, deregister_tm_clones, __do_global_dtors_aux. What
 * is not understood has no rows. */
#ifndef EXOPROF_BARE_CODE_H
#define EXOPROF_BARE_CODE_H

#include <libelf.h>
#include <linux/types.h>
#include <stddef.h>
#include <stdint.h>

#include "unwind/fde.h"
#include "wire.h"

/* Of one instruction. */
struct bare_row {
	uint64_t start, end; /* vaddr, end excluded */
	struct wire_unwind_rule rule;
};

struct bare_code {
	struct bare_row *rows; /* sorted; they do not overlap, nor what the FDEs cover */
	size_t count, capacity;
};

/* Reads the code of `elf`, which is the file behind `elf_fd`. 0 or -ENOMEM. */
int bare_code__find(struct bare_code *code, int elf_fd, Elf *elf, const struct fde_list *covered);
void bare_code__release(struct bare_code *code);

#endif
