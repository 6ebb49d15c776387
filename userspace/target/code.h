/* SPDX-License-Identifier: Apache-2.0 */
/* Code as it is in the target's memory, which may not be what is in its file: a program can patch
 * itself, to hook its own malloc for one. */
#ifndef EXOPROF_CODE_H
#define EXOPROF_CODE_H

#include "target/maps.h"

/* Whether `size` bytes (64 at most) from there are mapped, and the same in memory as in the file,
 * but for single bytes 0xcc: other probes' breakpoints. The kernel executes a probed instruction as
 * the file has it, in the middle of whatever is around it. */
bool code__is_as_in_file(pid_t pid, const struct maps *maps, const struct elf_file *file,
			 uint64_t file_offset, size_t size);

/* Whether they are the same without exception: nobody has a breakpoint there. */
bool code__is_without_breakpoint(pid_t pid, const struct maps *maps, const struct elf_file *file,
				 uint64_t file_offset, size_t size);

#endif
