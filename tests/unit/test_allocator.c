// SPDX-License-Identifier: Apache-2.0
/* Finding an allocator's functions in real files, and in made ones. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "function_offset.h"
#include "target/allocator.h"

static struct elf_file *open_path(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return elf_file__open(fd, path);
}

/* From where libc is. */
static struct elf_file *open_library(const char *name)
{
	char path[4096];
	Dl_info libc;

	assert_true(dladdr((const void *)gnu_get_libc_version, &libc));
	snprintf(path, sizeof(path), "%.*s/%s",
		 (int)(strrchr(libc.dli_fname, '/') - libc.dli_fname), libc.dli_fname, name);
	return open_path(path);
}

static const struct allocator_probe *probe_of(const struct allocator *allocator, const char *name)
{
	for (size_t i = 0; i < allocator->count; i++) {
		if (!strcmp(allocator->probes[i].function, name))
			return &allocator->probes[i];
	}
	return NULL;
}

/* A library without code: what `declarations` have, in C. */
static struct elf_file *compile(const char *source, const char *flags)
{
	char folder[] = "/tmp/exoprof-test-XXXXXX", path[64], command[512];
	struct elf_file *file;
	FILE *out;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/made.so", folder);
	snprintf(command, sizeof(command), "gcc -xc -w -O1 -fno-builtin -nostdlib %s -o %s -",
		 flags, path);
	out = popen(command, "w");
	assert_non_null(out);
	fputs(source, out);
	assert_int_equal(pclose(out), 0);
	file = open_path(path);
	unlink(path);
	rmdir(folder);
	return file;
}

static void read_and_expect(struct elf_file *file, const char *prefix, const char *name,
			    struct allocator *allocator)
{
	assert_int_equal(allocator__read(allocator, file, prefix), 0);
	elf_file__put(file);
	assert_string_equal(allocator->name, name);
}

static void glibc_is_known_and_every_function_probed_once(void **state)
{
	struct allocator allocator;
	uint64_t entry;

	(void)state;
	read_and_expect(open_library("libc.so.6"), NULL, "glibc", &allocator);
	assert_true(allocator.is_exported);
	for (size_t i = 0; i < allocator.count; i++) {
		const struct allocator_probe *probe = &allocator.probes[i];

		assert_int_equal(function_offset(allocator.file, probe->function, &entry), 0);
		assert_in_range(probe->file_offset, entry, entry + PROLOGUE_BYTES - 1);
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(allocator.probes[j].file_offset, probe->file_offset);
	}
	assert_int_equal(probe_of(&allocator, "malloc")->call, WIRE_HEAP_MALLOC);
	assert_int_equal(probe_of(&allocator, "calloc")->call, WIRE_HEAP_CALLOC);
	assert_int_equal(probe_of(&allocator, "realloc")->call, WIRE_HEAP_REALLOC);
	assert_int_equal(probe_of(&allocator, "reallocarray")->call, WIRE_HEAP_REALLOCARRAY);
	assert_int_equal(probe_of(&allocator, "posix_memalign")->call, WIRE_HEAP_POSIX_MEMALIGN);
	assert_int_equal(probe_of(&allocator, "aligned_alloc")->call, WIRE_HEAP_ALIGNED);
	/* In glibc 2.36 cfree is free, and memalign is aligned_alloc. */
	assert_true(!probe_of(&allocator, "cfree") != !probe_of(&allocator, "free"));
	assert_true(!probe_of(&allocator, "memalign") || !probe_of(&allocator, "aligned_alloc"));
	allocator__release(&allocator);
}

static void what_takes_memory_back_comes_first(void **state)
{
	struct allocator allocator;
	bool gives = false;

	(void)state;
	read_and_expect(open_library("libjemalloc.so.2"), NULL, "jemalloc", &allocator);
	for (size_t i = 0; i < allocator.count; i++) {
		assert_true(!gives || allocator__gives(allocator.probes[i].call));
		gives = allocator__gives(allocator.probes[i].call);
	}
	assert_true(gives);
	allocator__release(&allocator);
}

static void each_allocator_is_known_with_its_operators(void **state)
{
	static const struct {
		const char *file, *name;
	} allocators[] = {
		{"libjemalloc.so.2",         "jemalloc"},
		{"libtcmalloc_minimal.so.4", "tcmalloc"},
		{"libmimalloc.so.2.0",       "mimalloc"},
	};
	struct allocator allocator;

	(void)state;
	for (size_t i = 0; i < sizeof(allocators) / sizeof(*allocators); i++) {
		read_and_expect(open_library(allocators[i].file), NULL, allocators[i].name,
				&allocator);
		assert_true(probe_of(&allocator, "_ZnwmRKSt9nothrow_t") ||
			    probe_of(&allocator, "_ZnamRKSt9nothrow_t"));
		assert_true(probe_of(&allocator, "_Znwm") || probe_of(&allocator, "_Znam"));
		assert_true(probe_of(&allocator, "_ZdlPvm") || probe_of(&allocator, "_ZdaPvm"));
		allocator__release(&allocator);
	}
}

static void jemallocs_own_functions_are_followed_too(void **state)
{
	struct allocator allocator;

	(void)state;
	read_and_expect(open_library("libjemalloc.so.2"), NULL, "jemalloc", &allocator);
	assert_int_equal(probe_of(&allocator, "mallocx")->call, WIRE_HEAP_MALLOC);
	assert_int_equal(probe_of(&allocator, "rallocx")->call, WIRE_HEAP_REALLOC);
	assert_int_equal(probe_of(&allocator, "xallocx")->call, WIRE_HEAP_RESIZE);
	assert_int_equal(probe_of(&allocator, "dallocx")->call, WIRE_HEAP_FREE);
	assert_int_equal(probe_of(&allocator, "sdallocx")->call, WIRE_HEAP_FREE);
	assert_null(probe_of(&allocator, "nallocx"));
	allocator__release(&allocator);
}

/* Not a compiler's words for one, but bodies that differ, so that none are folded. */
#define TWO(prefix)                                                             \
	"void *" prefix "malloc(unsigned long n) { return (void *)(n + 1); }\n" \
	"void " prefix "free(void *p) { *(char *)p = 2; }\n"

static void what_has_no_malloc_and_free_is_none(void **state)
{
	static const char *const sources[] = {
		"int nothing;",
		"void *malloc(unsigned long n) { return (void *)n; }",
		"void free(void *p) { *(char *)p = 2; }",
		/* A name that begins alike. */
		"void *malloc2(long n) { return (void *)n; } void free2(void *p) { *(char *)p = 1; }",
		/* One's malloc and the other's free. */
		"void *je_malloc(long n) { return (void *)n; } void free(void *p) { *(char *)p = 1; }",
		/* Variables. */
		"int malloc = 1, free = 2;",
	};
	struct allocator allocator;

	(void)state;
	for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
		struct elf_file *file = compile(sources[i], "-shared -fPIC");

		assert_int_equal(allocator__read(&allocator, file, NULL), -ENOENT);
		assert_null(allocator.file);
		elf_file__put(file);
	}
}

static void an_unknown_one_is_followed_all_the_same(void **state)
{
	struct allocator allocator;

	(void)state;
	read_and_expect(compile(TWO(""), "-shared -fPIC"), NULL, "an unknown allocator",
			&allocator);
	assert_int_equal(allocator.count, 2);
	assert_true(allocator.is_exported);
	allocator__release(&allocator);
}

static void local_symbols_will_do_but_nobody_else_calls_them(void **state)
{
	struct allocator allocator;

	(void)state;
	read_and_expect(compile(TWO("") "int mallctl(void) { return 1; }",
				"-shared -fPIC -fvisibility=hidden"),
			NULL, "jemalloc", &allocator);
	assert_int_equal(allocator.count, 2);
	assert_false(allocator.is_exported);
	allocator__release(&allocator);
	/* And without them nothing is known of the functions. */
	{
		struct elf_file *stripped =
			compile(TWO(""), "-shared -fPIC -fvisibility=hidden -s");

		assert_int_equal(allocator__read(&allocator, stripped, NULL), -ENOENT);
		elf_file__put(stripped);
	}
}

static void known_prefixes_are_found_others_have_to_be_named(void **state)
{
	struct allocator allocator;
	struct elf_file *file;

	(void)state;
	read_and_expect(
		compile(TWO("_rjem_") "int _rjem_mallctl(void) { return 1; }", "-shared -fPIC"),
		NULL, "jemalloc", &allocator);
	assert_int_equal(allocator.count, 2);
	/* The dynamic linker binds nobody's malloc to it. */
	assert_false(allocator.is_exported);
	allocator__release(&allocator);

	file = compile(TWO("my_"), "-shared -fPIC");
	assert_int_equal(allocator__read(&allocator, file, NULL), -ENOENT);
	assert_int_equal(allocator__read(&allocator, file, "your_"), -ENOENT);
	read_and_expect(file, "my_", "an unknown allocator", &allocator);
	assert_int_equal(allocator.count, 2);
	assert_string_equal(allocator.probes[0].function, "free");
	allocator__release(&allocator);
}

static void releasing_leaves_nothing_to_release(void **state)
{
	struct allocator allocator;

	(void)state;
	read_and_expect(open_library("libc.so.6"), NULL, "glibc", &allocator);
	allocator__release(&allocator);
	assert_null(allocator.file);
	assert_int_equal(allocator.count, 0);
	allocator__release(&allocator);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(glibc_is_known_and_every_function_probed_once),
		cmocka_unit_test(what_takes_memory_back_comes_first),
		cmocka_unit_test(each_allocator_is_known_with_its_operators),
		cmocka_unit_test(jemallocs_own_functions_are_followed_too),
		cmocka_unit_test(what_has_no_malloc_and_free_is_none),
		cmocka_unit_test(an_unknown_one_is_followed_all_the_same),
		cmocka_unit_test(local_symbols_will_do_but_nobody_else_calls_them),
		cmocka_unit_test(known_prefixes_are_found_others_have_to_be_named),
		cmocka_unit_test(releasing_leaves_nothing_to_release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
