// SPDX-License-Identifier: Apache-2.0
/* Finding glibc's functions in a process that is really there. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target/allocator.h"

static struct maps *child_maps;

/* The maps of a copy of this process. */
static int read_child(void **state)
{
	struct process *process;
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	process = process__open(pid);
	if (process)
		child_maps = maps__read(process, NULL);
	process__close(process);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return child_maps ? 0 : -1;
}

static int put_child(void **state)
{
	(void)state;
	maps__put(child_maps);
	return 0;
}

static void the_file_is_glibc(void **state)
{
	struct allocator allocator;

	(void)state;
	assert_int_equal(allocator__find(&allocator, child_maps), 0);
	assert_non_null(strstr(elf_file__name(allocator.file), "/libc.so.6"));
	allocator__release(&allocator);
}

static void the_probes_are_at_the_beginning_of_the_functions(void **state)
{
	struct allocator allocator;

	(void)state;
	assert_int_equal(allocator__find(&allocator, child_maps), 0);
	for (int call = 0; call < ALLOCATOR_CALLS; call++) {
		uint64_t entry;

		if (!allocator.probe_offsets[call])
			continue;
		assert_int_equal(
			elf_file__function(allocator.file, allocator__call_name(call), &entry), 0);
		assert_in_range(allocator.probe_offsets[call], entry, entry + 63);
	}
	allocator__release(&allocator);
}

static uint64_t entry_of(const struct allocator *allocator, enum allocator_call call)
{
	uint64_t entry = 0;

	elf_file__function(allocator->file, allocator__call_name(call), &entry);
	return entry;
}

/* In glibc 2.36 cfree is free, and memalign is aligned_alloc. */
static void every_function_is_probed_once_whatever_its_names(void **state)
{
	struct allocator allocator;

	(void)state;
	assert_int_equal(allocator__find(&allocator, child_maps), 0);
	for (int a = 0; a < ALLOCATOR_CALLS; a++) {
		uint64_t entry = entry_of(&allocator, a);
		int probes = 0;

		for (int b = 0; b < ALLOCATOR_CALLS; b++) {
			if (entry_of(&allocator, b) == entry && allocator.probe_offsets[b])
				probes++;
		}
		assert_int_equal(probes, entry ? 1 : 0);
	}
	assert_int_not_equal(allocator.probe_offsets[ALLOCATOR_FREE], 0);
	assert_int_not_equal(allocator.probe_offsets[ALLOCATOR_POSIX_MEMALIGN], 0);
	assert_int_not_equal(allocator.probe_offsets[ALLOCATOR_REALLOCARRAY], 0);
	allocator__release(&allocator);
}

/* A child's code is this process' own: look each probe's bytes up in memory. */
static void the_probes_are_in_mapped_code(void **state)
{
	struct allocator allocator;

	(void)state;
	assert_int_equal(allocator__find(&allocator, child_maps), 0);
	for (int call = 0; call < ALLOCATOR_CALLS; call++) {
		uint64_t offset = allocator.probe_offsets[call];
		unsigned char bytes[8];
		bool found = false;

		if (!offset)
			continue;
		assert_int_equal(elf_file__read(allocator.file, offset, bytes, sizeof(bytes)),
				 sizeof(bytes));
		for (size_t i = 0; i < child_maps->count; i++) {
			const struct mapping *mapping = &child_maps->items[i];
			uint64_t skip = offset - mapping->file_offset;

			if (mapping->file != allocator.file ||
			    skip >= mapping->end - mapping->start)
				continue;
			found = true;
			assert_memory_equal((const void *)(uintptr_t)(mapping->start + skip), bytes,
					    sizeof(bytes));
		}
		assert_true(found);
	}
	allocator__release(&allocator);
}

/* Here it is the sanitizer's own allocator that stands before glibc's. */
static void another_file_with_a_malloc_is_named(void **state)
{
	struct allocator allocator;

	(void)state;
	assert_int_equal(allocator__find(&allocator, child_maps), 0);
	assert_non_null(allocator.other);
	assert_null(strstr(allocator.other, "/libc.so.6"));
	allocator__release(&allocator);
}

static void without_glibc_there_is_none(void **state)
{
	struct maps few = {};
	struct allocator allocator = {
		.probe_offsets = {1, 2, 3, 4}
        };
	struct mapping *items = calloc(child_maps->count, sizeof(*items));

	(void)state;
	for (size_t i = 0; i < child_maps->count; i++) {
		if (!strstr(child_maps->items[i].name, "/libc.so"))
			items[few.count++] = child_maps->items[i];
	}
	few.items = items;
	assert_true(few.count > 0);
	assert_int_equal(allocator__find(&allocator, &few), -ENOENT);
	assert_null(allocator.file);
	assert_null(allocator.other);
	few.count = 0;
	assert_int_equal(allocator__find(&allocator, &few), -ENOENT);
	free(items);
}

static void releasing_leaves_nothing_to_release(void **state)
{
	struct allocator allocator;

	(void)state;
	assert_int_equal(allocator__find(&allocator, child_maps), 0);
	allocator__release(&allocator);
	assert_null(allocator.file);
	assert_null(allocator.other);
	allocator__release(&allocator);
}

/* What maps__read() makes of a real process. */
static void the_mappings_are_executable_ones_in_order(void **state)
{
	bool has_main = false, has_vdso = false;
	uint64_t last = 0;

	(void)state;
	for (size_t i = 0; i < child_maps->count; i++) {
		const struct mapping *mapping = &child_maps->items[i];

		assert_true(mapping->start >= last);
		assert_true(mapping->start < mapping->end);
		last = mapping->end;
		has_vdso |= !strcmp(mapping->name, "[vdso]");
		if (mapping->is_main) {
			has_main = true;
			assert_non_null(strstr(mapping->name, "test_allocator"));
			assert_non_null(mapping->file);
		}
		/* Of what is no file the vDSO alone stands for one. */
		if (mapping->name[0] == '[')
			assert_int_equal(mapping->file != NULL, !strcmp(mapping->name, "[vdso]"));
	}
	assert_true(has_main);
	assert_true(has_vdso);
	assert_true(maps__find(child_maps, (uintptr_t)read_child)->is_main);
	assert_null(maps__find(child_maps, (uintptr_t)&child_maps));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_file_is_glibc),
		cmocka_unit_test(the_probes_are_at_the_beginning_of_the_functions),
		cmocka_unit_test(every_function_is_probed_once_whatever_its_names),
		cmocka_unit_test(the_probes_are_in_mapped_code),
		cmocka_unit_test(another_file_with_a_malloc_is_named),
		cmocka_unit_test(without_glibc_there_is_none),
		cmocka_unit_test(releasing_leaves_nothing_to_release),
		cmocka_unit_test(the_mappings_are_executable_ones_in_order),
	};

	return cmocka_run_group_tests(tests, read_child, put_child);
}
