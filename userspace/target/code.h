/* SPDX-License-Identifier: Apache-2.0 */
/* Code as it is in the target's memory, which may not be what is in its file: a program can patch
 * itself, to hook its own malloc for one. */
#ifndef EXOPROF_CODE_H
#define EXOPROF_CODE_H

#include "target/maps.h"

enum code_state {
	CODE_AS_IN_FILE,
	CODE_WITH_BREAKPOINTS, /* single bytes 0xcc, and nothing else, are not the file's */
	CODE_CHANGED,          /* or not mapped any more, or not in the file */
	CODE_UNREAD,           /* errno says why: ESRCH has the memory of a process that ends */
};

/* Where in the target's memory that is; 0: it is not mapped. */
uint64_t code__address(const struct maps *maps, const struct elf_file *file, uint64_t file_offset);

/* How `size` bytes (64 at most) from there are in the target's memory. Other probes' breakpoints do
 * no harm: the kernel executes a probed instruction as the file has it, in the middle of whatever
 * is around it. */
enum code_state code__compare(pid_t pid, const struct maps *maps, const struct elf_file *file,
			      uint64_t file_offset, size_t size);

/* Whether the byte there is 0xcc in memory, or cannot be read: no file is asked, whose file system
 * might not answer. */
bool code__may_have_breakpoint(pid_t pid, const struct maps *maps, const struct elf_file *file,
			       uint64_t file_offset);

#endif
