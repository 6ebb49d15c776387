// SPDX-License-Identifier: Apache-2.0
#include "target/code.h"

#include <errno.h>
#include <sys/uio.h>

#define BYTES_MAX  64
#define BREAKPOINT 0xcc

uint64_t code__address(const struct maps *maps, const struct elf_file *file, uint64_t file_offset)
{
	for (size_t i = 0; i < maps->count; i++) {
		const struct mapping *mapping = &maps->items[i];

		if (mapping->file && elf_file__is_same(mapping->file, file) &&
		    file_offset >= mapping->file_offset &&
		    file_offset - mapping->file_offset < mapping->end - mapping->start)
			return mapping->start + (file_offset - mapping->file_offset);
	}
	return 0;
}

/* Not by /proc/PID/mem, which belongs to the target's user: that wants CAP_DAC_READ_SEARCH beside
 * CAP_SYS_PTRACE, which is enough here. */
static bool read_memory(pid_t pid, uint64_t address, unsigned char *bytes, size_t size)
{
	struct iovec here = {.iov_base = bytes, .iov_len = size};
	struct iovec there = {.iov_base = (void *)address, .iov_len = size};
	ssize_t count = process_vm_readv(pid, &here, 1, &there, 1, 0);

	if (count >= 0 && count != (ssize_t)size)
		errno = EFAULT;
	return count == (ssize_t)size;
}

enum code_state code__compare(pid_t pid, const struct maps *maps, const struct elf_file *file,
			      uint64_t file_offset, size_t size)
{
	unsigned char in_file[BYTES_MAX], in_memory[BYTES_MAX];
	uint64_t address = code__address(maps, file, file_offset);
	enum code_state state = CODE_AS_IN_FILE;

	if (size > BYTES_MAX)
		size = BYTES_MAX;
	if (!address || elf_file__read(file, file_offset, in_file, size) != size)
		return CODE_CHANGED;
	if (!read_memory(pid, address, in_memory, size))
		return CODE_UNREAD;
	for (size_t i = 0; i < size; i++) {
		if (in_memory[i] == in_file[i])
			continue;
		if (in_memory[i] != BREAKPOINT)
			return CODE_CHANGED;
		state = CODE_WITH_BREAKPOINTS;
	}
	return state;
}

bool code__may_have_breakpoint(pid_t pid, const struct maps *maps, const struct elf_file *file,
			       uint64_t file_offset)
{
	uint64_t address = code__address(maps, file, file_offset);
	unsigned char byte;

	return !address || !read_memory(pid, address, &byte, 1) || byte == BREAKPOINT;
}
