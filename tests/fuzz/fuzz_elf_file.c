// SPDX-License-Identifier: Apache-2.0
/* Any bytes as an ELF file that a target has mapped: no crash, probes of an allocator's functions
 * are in the file and not two at a place, and what has an address has it within a segment. */
#include "make_elf.h"
#include "replay.h"
#include "target/allocator.h"

static void count_function(void *context, const struct elf_function *function)
{
	size_t *letters = context;

	check(function->name != NULL, "a function has a name");
	*letters += strlen(function->name);
}

static void check_allocator(struct elf_file *file, const char *prefix, size_t size)
{
	struct allocator allocator;

	if (allocator__read(&allocator, file, prefix))
		return;
	check(allocator.count && allocator.count <= ALLOCATOR_PROBES_MAX, "it has some functions");
	check(allocator.name && *allocator.name, "it is called something");
	for (size_t i = 0; i < allocator.count; i++) {
		const struct allocator_probe *probe = &allocator.probes[i];

		check(probe->function && *probe->function, "a probe is of a function");
		check(probe->file_offset < size, "a probe is in the file");
		for (size_t j = 0; j < i; j++)
			check(allocator.probes[j].file_offset != probe->file_offset,
			      "no function is there twice");
	}
	allocator__release(&allocator);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf_file *file = elf_file__open(file_of(data, size), "fuzz");
	uint8_t bytes[64];
	size_t letters = 0;

	check(file != NULL, "there is memory");
	for (uint64_t at = 0; at < size + 4096; at += 512) {
		uint64_t vaddr;

		elf_file__vaddr(file, at, &vaddr);
		elf_file__code_vaddr(file, at, &vaddr);
		check(elf_file__read(file, at, bytes, sizeof(bytes)) <= (at < size ? size - at : 0),
		      "no more is read than is there");
	}
	elf_file__each_function(file, count_function, &letters);
	check(strlen(elf_file__build_id(file)) % 2 == 0, "a build ID is of bytes");
	check_allocator(file, NULL, size);
	check_allocator(file, "je_", size);
	elf_file__put(file);
	return 0;
}
