/* SPDX-License-Identifier: Apache-2.0 */
/* A process's heap followed by code that is put into it (docs/inline.md): from the plan to the last
 * of its counts. All of its allocators or none: a block that one gives out may come back to
 * another. Used by one thread, which may make others. */
#ifndef EXOPROF_HEAP_INLINE_H
#define EXOPROF_HEAP_INLINE_H

#include "collect/collector.h"
#include "target/process.h"

struct heap_inline;

/* With nothing in the process yet. The collector and the process must outlive it. NULL with errno
 * set. */
struct heap_inline *heap_inline__new(struct collector *collector, struct process *process);

/* Takes out what is there still, and says where that cannot be; NULL is fine. */
void heap_inline__free(struct heap_inline *stubs);

/* One more allocator is followed so. `safe_size` as of heap__set_safe_size(). NULL, or why it is
 * not: then it is as it was. Valid until the next time. */
const char *heap_inline__add(struct heap_inline *stubs, const struct maps *maps,
			     const struct allocator *allocator, uint64_t safe_size);

/* Takes all out, and the probes off; what cannot be, and does not end with the process, is said.
 * False where functions still lead there: nothing is to be probed at them. */
bool heap_inline__leave(struct heap_inline *stubs);

/* The process has another program now, and nothing in it. */
void heap_inline__forget(struct heap_inline *stubs);

/* To be called each second, and before its counts are asked for. */
void heap_inline__tend(struct heap_inline *stubs, uint64_t safe_size);

/* Whether all is there still: a debugger, or another exoprof, may take it away. */
bool heap_inline__is_there(const struct heap_inline *stubs);

/* The longest time for which the process was stopped so far. */
int64_t heap_inline__stopped_ns(const struct heap_inline *stubs);

/* Takes out what an exoprof that was killed has left in the process; or, `also_used`, what the
 * parent had when this child of it forked. 0, also where there is nothing; -EBUSY: another exoprof
 * uses it; -EAGAIN: nothing leads there any more, but a thread may be in it still; or -errno.
 * `count`: of how many, may be NULL. */
int heap_inline__clear(pid_t pid, const struct maps *maps, bool also_used, size_t *count);

#endif
