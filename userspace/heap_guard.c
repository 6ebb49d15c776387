// SPDX-License-Identifier: Apache-2.0
/* A debugger and exoprof may have a breakpoint on one instruction, each of which takes it away for
 * the other: a debugger writes back the byte that it found. */
#include <string.h>

#include "base/clock.h"
#include "base/say.h"
#include "heap_watch_internal.h"
#include "target/code.h"
#include "target/proc.h"

/* Of the instruction that is probed: what is as the file has it by chance is not its code. */
#define INSTRUCTION_MAX 16

/* Whether the target's code is there without one of the probes that were attached. */
static bool is_bare(const struct heap_watch *watch, const struct maps *maps,
		    const struct followed *followed)
{
	const struct allocator *allocator = &followed->allocator;
	pid_t pid = process__pid(watch->process);

	if (!followed->is_attached || !followed->is_mapped)
		return false;
	for (size_t i = 0; i < allocator->count; i++) {
		uint64_t offset = allocator->probes[i].file_offset;

		if (!code__may_have_breakpoint(pid, maps, allocator->file, offset) &&
		    code__compare(pid, maps, allocator->file, offset, INSTRUCTION_MAX) ==
			    CODE_AS_IN_FILE)
			return true;
	}
	return false;
}

static bool some_are_bare(const struct heap_watch *watch, const struct maps *maps)
{
	if (watch->stubs)
		return !heap_inline__is_there(watch->stubs);
	for (size_t i = 0; i < watch->count; i++) {
		if (is_bare(watch, maps, &watch->followed[i]))
			return true;
	}
	return false;
}

static pid_t tracer_of(const struct heap_watch *watch)
{
	long tracer = process__status_number(process__pid(watch->process), "\nTracerPid:");

	return tracer > 0 ? tracer : 0;
}

/* Not as long as the debugger is there: what it finds in place of its own breakpoint when it lets
 * the target go on, it writes back in the end, which may come after exoprof's. */
void heap_watch__keep_probes(struct heap_watch *watch, const struct maps *maps)
{
	if (watch->cannot_keep || !some_are_bare(watch, maps) || tracer_of(watch))
		return;
	heap_watch__attach_anew(watch);
	watch->cannot_keep = some_are_bare(watch, maps);
	watch->gone_ns = clock__realtime_ns();
	watch->times_gone++;
	say("probes were taken away in the memory of pid %d, as a debugger does when it leaves: %s",
	    process__pid(watch->process),
	    watch->cannot_keep ? "they cannot be set again, and its heap profile misses what they "
				 "would have seen"
			       : "they were set again, and its heap profile misses what was "
				 "allocated and freed in between");
}

/* strace and its like set none. */
static bool sets_breakpoints(pid_t tracer, struct proc_stat *stat)
{
	return !proc__stat(tracer, stat) && strcmp(stat->comm, "strace") != 0;
}

void heap_watch__warn_of_tracer(const struct heap_watch *watch)
{
	pid_t tracer = watch->has_begun ? tracer_of(watch) : 0;
	struct proc_stat stat;

	if (!tracer || !sets_breakpoints(tracer, &stat))
		return;
	say("pid %d is traced by pid %d (%s): where that has set a breakpoint on malloc, free or "
	    "their kin since the attach, it will leave a breakpoint instruction behind, at which "
	    "the program would end: let it go while exoprof is attached once more",
	    process__pid(watch->process), tracer, stat.comm);
}
