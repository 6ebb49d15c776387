// SPDX-License-Identifier: Apache-2.0
#include "inline/patch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#define JMP_REL32   0xe9
#define WORD        8
#define PAGE_BYTES  4096

/* A signal's frame, whose saved address is in the middle of a function's beginning, is on the stack
 * above what its handler has called since. */
#define STACK_BYTES (1 << 20)

void patch__make(struct patch *patch, uint64_t address, uint32_t covered,
		 const unsigned char *former, uint64_t entry)
{
	int32_t distance = entry - (address + HOOK_JUMP_BYTES);

	*patch = (struct patch){.address = address, .covered = covered, .jump = {JMP_REL32}};
	memcpy(patch->former, former, sizeof(patch->former));
	memcpy(patch->jump + 1, &distance, sizeof(distance));
}

/* --- where threads are
 * ------------------------------------------------------------------------------ */

static const struct room_range *mapping_of(uint64_t address, const struct room_range *mappings,
					   size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (address >= mappings[i].start && address < mappings[i].end)
			return &mappings[i];
	}
	return NULL;
}

struct zone {
	uint64_t start, end; /* end excluded */
};

static bool is_in_zones(uint64_t address, const struct zone *zones, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (address >= zones[i].start && address < zones[i].end)
			return true;
	}
	return false;
}

/* Every word of the stack in use is taken for an address that may be returned to. What is not the
 * thread's stack, or is beyond the first MiB, is not looked at. */
static int stack_leads_to(pid_t tid, uint64_t sp, const struct room_range *stack,
			  const struct zone *zones, size_t count, uint64_t *words)
{
	uint64_t start = sp / WORD * WORD, size = stack->end - start;
	struct iovec here = {.iov_base = words}, there = {.iov_base = (void *)start};
	ssize_t got;

	here.iov_len = there.iov_len = size < STACK_BYTES ? size : STACK_BYTES;
	got = process_vm_readv(tid, &here, 1, &there, 1, 0);
	if (got < 0)
		return -errno;
	for (ssize_t i = 0; i < got / WORD; i++) {
		if (is_in_zones(words[i], zones, count))
			return -EAGAIN;
	}
	return 0;
}

/* -EAGAIN where one is. */
static int look_for_threads(struct stopped *stopped, const struct zone *zones, size_t count,
			    const struct room_range *mappings, size_t mapping_count)
{
	uint64_t *words = malloc(STACK_BYTES);
	int err = words ? 0 : -ENOMEM;

	for (size_t i = 0; i < stopped__count(stopped) && !err; i++) {
		const struct stopped_thread *thread = stopped__thread(stopped, i);
		const struct room_range *stack;

		if (!thread)
			continue;
		if (is_in_zones(thread->registers.rip, zones, count)) {
			err = -EAGAIN;
			break;
		}
		stack = mapping_of(thread->registers.rsp, mappings, mapping_count);
		if (stack)
			err = stack_leads_to(thread->tid, thread->registers.rsp, stack, zones,
					     count, words);
	}
	free(words);
	return err;
}

bool stopped__is_in(struct stopped *stopped, uint64_t start, uint64_t end,
		    const struct room_range *mappings, size_t mapping_count)
{
	struct zone zone = {start, end};

	return look_for_threads(stopped, &zone, 1, mappings, mapping_count) != 0;
}

/* --- writing
 * ---------------------------------------------------------------------------------------- */

static pid_t any_thread(const struct stopped *stopped)
{
	for (size_t i = 0; i < stopped__count(stopped); i++) {
		if (stopped__thread(stopped, i))
			return stopped__thread(stopped, i)->tid;
	}
	return 0;
}

/* A word with all of the five bytes in it, of one page as they are: then it is written at once or
 * not at all, whatever becomes of us. */
static uint64_t word_around(uint64_t address)
{
	uint64_t last = address / PAGE_BYTES * PAGE_BYTES + PAGE_BYTES - WORD;

	return address < last ? address : last;
}

/* -EBADMSG unless it is `from` that is there. By ptrace(2), which writes to code as it does for a
 * breakpoint: the process gets a page of its own. */
static int rewrite(pid_t tid, uint64_t address, const unsigned char *from, const unsigned char *to)
{
	uint64_t at = word_around(address);
	unsigned char bytes[WORD];
	unsigned long word;

	errno = 0;
	word = ptrace(PTRACE_PEEKTEXT, tid, at, 0);
	if (errno)
		return -errno;
	memcpy(bytes, &word, sizeof(bytes));
	if (memcmp(bytes + (address - at), from, HOOK_JUMP_BYTES))
		return -EBADMSG;
	memcpy(bytes + (address - at), to, HOOK_JUMP_BYTES);
	memcpy(&word, bytes, sizeof(word));
	return ptrace(PTRACE_POKETEXT, tid, at, word) ? -errno : 0;
}

int patches__apply(struct stopped *stopped, const struct patch *patches, size_t count,
		   const struct room_range *mappings, size_t mapping_count)
{
	struct zone *zones = calloc(count + !count, sizeof(*zones));
	pid_t tid = any_thread(stopped);
	size_t written = 0;
	int err;

	if (!zones)
		return -ENOMEM;
	/* On the first byte a thread is before the jump. */
	for (size_t i = 0; i < count; i++)
		zones[i] = (struct zone){patches[i].address + 1,
					 patches[i].address + patches[i].covered};
	err = look_for_threads(stopped, zones, count, mappings, mapping_count);
	free(zones);
	while (!err && written < count) {
		const struct patch *patch = &patches[written];

		err = rewrite(tid, patch->address, patch->former, patch->jump);
		written += !err;
	}
	if (err)
		patches__undo(stopped, patches, written);
	return err;
}

int patches__undo(struct stopped *stopped, const struct patch *patches, size_t count)
{
	pid_t tid = any_thread(stopped);
	int first_err = 0;

	for (size_t i = count; i-- > 0;) {
		int err = rewrite(tid, patches[i].address, patches[i].jump, patches[i].former);

		/* EIO: the function is not mapped any more. */
		if (err && err != -EBADMSG && err != -EIO && !first_err)
			first_err = err;
	}
	return first_err;
}
