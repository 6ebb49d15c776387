/* SPDX-License-Identifier: Apache-2.0 */
/* How much a process holds on its heap already: an estimate from outside, for what was allocated
 * before anybody counted. */
#ifndef EXOPROF_MEMORY_H
#define EXOPROF_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* A stack of pthread_create() has this size unless somebody says otherwise (RLIMIT_STACK). */
#define MEMORY_STACK_MAX (8ULL << 20)

#define MEMORY_LARGE     (4ULL << 30)

/* Bytes of anonymous memory, resident or swapped out, in the mappings that can be heap: writable,
 * of no file, and called [heap], [anon:...] or nothing. The allocator's own books and what it keeps
 * for later are in it, and so are .bss and the stacks of some threads. Which those are cannot be
 * told in general. Left out are the mappings of up to MEMORY_STACK_MAX, other than [heap], into
 * which the stack pointer of a waiting thread leads; of a larger stack, and of a thread that runs,
 * the part in use is counted as heap. Not counted at all: huge pages of hugetlbfs, shared memory.
 *
 * The kernel walks the page tables for this: 10 to 50 ms for each GiB in small pages. 4,000 threads
 * take 100 ms. Of a process from MEMORY_LARGE on it is simply all anonymous memory, which is known
 * without that and not far off then.
 *
 * 0; -ESRCH: no such process, or it has exited; -EBADMSG; or what the kernel said. */
int memory__anonymous(pid_t pid, uint64_t *bytes);

/* What follows is the parts of memory__anonymous(), declared for tests. */

/* From the text of /proc/PID/smaps (proc(5)). 0; -ESRCH for an empty one; -EBADMSG for one that is
 * malformed or cut in a line; -errno. */
int memory__parse(FILE *smaps, const uint64_t *stack_pointers, size_t count, uint64_t *bytes);

/* From the text of /proc/PID/task/TID/syscall. False for a thread that runs. */
bool memory__stack_pointer(const char *text, uint64_t *stack_pointer);

#endif
