// SPDX-License-Identifier: Apache-2.0
#include "target/code.h"

#include <string.h>
#include <sys/uio.h>

#define BYTES_MAX  64
#define BREAKPOINT 0xcc

struct both {
	unsigned char in_file[BYTES_MAX], in_memory[BYTES_MAX];
};

/* 0: it is not mapped. */
static uint64_t find_address(const struct maps *maps, const struct elf_file *file,
			     uint64_t file_offset)
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

	return process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)size;
}

/* As many bytes as `size` says, of the target's memory and of its file; or not. */
static bool read_both(pid_t pid, const struct maps *maps, const struct elf_file *file,
		      uint64_t file_offset, size_t size, struct both *both)
{
	uint64_t address = find_address(maps, file, file_offset);

	return address && elf_file__read(file, file_offset, both->in_file, size) == size &&
	       read_memory(pid, address, both->in_memory, size);
}

bool code__is_as_in_file(pid_t pid, const struct maps *maps, const struct elf_file *file,
			 uint64_t file_offset, size_t size)
{
	struct both both;

	if (size > BYTES_MAX)
		size = BYTES_MAX;
	if (!read_both(pid, maps, file, file_offset, size, &both))
		return false;
	for (size_t i = 0; i < size; i++) {
		if (both.in_memory[i] != both.in_file[i] && both.in_memory[i] != BREAKPOINT)
			return false;
	}
	return true;
}

bool code__is_without_breakpoint(pid_t pid, const struct maps *maps, const struct elf_file *file,
				 uint64_t file_offset, size_t size)
{
	struct both both;

	if (size > BYTES_MAX)
		size = BYTES_MAX;
	return read_both(pid, maps, file, file_offset, size, &both) &&
	       memcmp(both.in_memory, both.in_file, size) == 0;
}
