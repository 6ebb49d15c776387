// SPDX-License-Identifier: Apache-2.0
/* Functions inlined into each other in this program's own DWARF, at lines that it knows. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "debug_copies.h"
#include "jail.h"
#include "lead.h"
#include "opens.h"
#include "symbol/dwarf_index.h"
#include "own_vaddr.h"

static volatile int sink;

enum {
	INNER_START = __LINE__ + 3,
	INNER_LINE = __LINE__ + 5,
};
static inline __attribute__((always_inline)) void inner(int number)
{
	sink = number;
	__asm__ volatile(".globl in_inner\nin_inner: nop");
}

enum { MIDDLE_LINE = __LINE__ + 4 };
static inline __attribute__((always_inline)) void middle(int number)
{
	for (int i = 0; i < sink; i++) {
		inner(number + i);
		sink++;
	}
}

enum {
	OUTER_START = __LINE__ + 3,
	OUTER_LINE = __LINE__ + 5,
};
__attribute__((noinline, noclone, used)) static void outer(int number)
{
	sink++;
	middle(number * 2);
	__asm__ volatile(".globl in_outer\nin_outer: nop");
	sink--;
}

/* A function in a function is in the middle of its tree. */
enum { NESTED_LINE = __LINE__ + 6 };
__attribute__((noinline, noclone, used)) static int around(int number)
{
	__attribute__((noinline, noclone)) int nested(int by)
	{
		__asm__ volatile(".globl in_nested\nin_nested: nop");
		return number + by;
	}

	return nested(sink) + nested(number);
}

extern const char in_inner[], in_outer[], in_nested[];

static struct elf_image *image;
static struct dwarf_index *self;

/* No other file is looked for. */
static const struct dwarf_source alone;

static int open_self(void **state)
{
	(void)state;
	image = elf_image__open(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
	self = image ? dwarf_index__open(image, &alone) : NULL;
	outer(sink);
	return self && around(0) == 0 ? 0 : -1;
}

static int close_self(void **state)
{
	(void)state;
	dwarf_index__close(self);
	elf_image__close(image);
	return 0;
}

static void check_line(const struct found_line *line, const char *name, int number)
{
	size_t length = strlen(__FILE__);

	assert_string_equal(line->system_name, name);
	assert_int_equal(line->line, number);
	assert_non_null(line->file);
	/* Where it was compiled comes in front. */
	assert_int_equal(line->file[0], '/');
	assert_true(strlen(line->file) > length);
	assert_string_equal(line->file + strlen(line->file) - length, __FILE__);
}

static void a_chain_is_told_from_the_inside_out(void **state)
{
	struct found found;

	(void)state;
	dwarf_index__find(self, vaddr_of(in_inner), &found);
	assert_int_equal(found.count, 3);
	assert_true(found.tells_inlined);
	check_line(&found.lines[0], "inner", INNER_LINE);
	check_line(&found.lines[1], "middle", MIDDLE_LINE);
	check_line(&found.lines[2], "outer", OUTER_LINE);
	assert_int_equal(found.lines[0].start_line, INNER_START);
	assert_int_equal(found.lines[2].start_line, OUTER_START);
}

static void code_of_the_function_itself_is_in_no_inlined_one(void **state)
{
	struct found found;

	(void)state;
	dwarf_index__find(self, vaddr_of(in_outer), &found);
	assert_int_equal(found.count, 1);
	assert_true(found.tells_inlined);
	check_line(&found.lines[0], "outer", OUTER_LINE + 1);
}

static void a_function_within_a_function_is_found(void **state)
{
	struct found found;

	(void)state;
	dwarf_index__find(self, vaddr_of(in_nested), &found);
	assert_int_equal(found.count, 1);
	check_line(&found.lines[0], "nested", NESTED_LINE - 1);
}

static void what_was_forgotten_is_found_again(void **state)
{
	struct found found;
	size_t bytes;

	(void)state;
	dwarf_index__find(self, vaddr_of(in_inner), &found);
	bytes = dwarf_index__bytes(self);
	dwarf_index__forget(self);
	assert_int_equal(dwarf_index__bytes(self), bytes);
	dwarf_index__find(self, vaddr_of(in_inner), &found);
	assert_int_equal(found.count, 3);
	check_line(&found.lines[2], "outer", OUTER_LINE);
}

static void a_unit_is_indexed_once(void **state)
{
	struct found found;
	size_t indexed;

	(void)state;
	dwarf_index__find(self, vaddr_of(in_inner), &found);
	indexed = dwarf_index__indexed(self);
	assert_true(indexed > 0);
	dwarf_index__find(self, vaddr_of(in_nested), &found);
	assert_int_equal(dwarf_index__indexed(self), indexed);
	dwarf_index__find(self, vaddr_of((const void *)dwarf_index__find), &found);
	assert_int_equal(dwarf_index__indexed(self), indexed + 1);
}

static void what_no_unit_covers_is_not_found(void **state)
{
	static int variable;
	struct found found = {.count = 7};

	(void)state;
	dwarf_index__find(self, 0, &found);
	assert_int_equal(found.count, 0);
	assert_null(found.lines[0].file);
	dwarf_index__find(self, UINT64_MAX, &found);
	assert_int_equal(found.count, 0);
	dwarf_index__find(self, vaddr_of(&variable), &found);
	assert_int_equal(found.count, 0);
}

static void a_file_without_dwarf_has_no_index(void **state)
{
	struct elf_image *stripped =
		elf_image__open(open("tests/fuzz/corpus/symbolize/stripped", O_RDONLY | O_CLOEXEC));

	(void)state;
	assert_non_null(stripped);
	assert_null(dwarf_index__open(stripped, &alone));
	assert_int_equal(errno, ENOENT);
	elf_image__close(stripped);
}

/* --- what is in other files --- */

/* A folder that is a process's root. */
static char folder[64];
static pid_t jailed;

static const char *at(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/test_dwarf_index.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	jailed = jail__start(folder);
	return 0;
}

static int remove_folder(void **state)
{
	char command[128];

	(void)state;
	jail__end(jailed);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

/* This program with a .gnu_debugaltlink to a copy of itself: a name, and its own build ID. */
static void save_with_alt(const char *alt)
{
	struct bytes own = read_own_file();
	FILE *out = fopen(at("link"), "we");
	char command[512];

	fwrite(alt, strlen(alt) + 1, 1, out);
	fwrite(build_id_note(own) + 16, 20, 1, out);
	fclose(out);
	snprintf(command, sizeof(command),
		 "objcopy --add-section .gnu_debugaltlink=%s/link /proc/%d/exe %s/linked", folder,
		 (int)getpid(), folder);
	assert_int_equal(system(command), 0);
	free(own.data);
}

static void save_own_file(const char *name)
{
	struct bytes own = read_own_file();

	save(at(name), own);
	free(own.data);
}

static struct elf_image *open_image(const char *name)
{
	struct elf_image *opened = elf_image__open(open(at(name), O_RDONLY | O_CLOEXEC));

	assert_non_null(opened);
	return opened;
}

/* The DWARF of a file in the folder, whose paths begin at `root`. */
static struct dwarf_source source_of(struct lead *lead, const char *name, struct root *root)
{
	lead__init(lead, open(at(name), O_RDONLY | O_CLOEXEC), at(name), root, NULL);
	return (struct dwarf_source){.opener = &lead->opener, .place = lead->opener.place};
}

static bool opens_with_alt(struct root *root)
{
	struct lead lead;
	struct dwarf_source source = source_of(&lead, "linked", root);
	struct elf_image *linked = open_image("linked");
	struct dwarf_index *index = dwarf_index__open(linked, &source);

	dwarf_index__close(index);
	elf_image__close(linked);
	lead__release(&lead);
	return index != NULL;
}

static void what_is_shared_is_found_below_the_root(void **state)
{
	struct root *root = root__open(jailed), *own = root__own();

	(void)state;
	save_own_file("alt");
	save_with_alt("/alt");
	assert_true(opens_with_alt(root));
	assert_false(opens_with_alt(own));
	assert_false(opens_with_alt(NULL));
	save_with_alt("alt");
	assert_true(opens_with_alt(root));
	assert_true(opens_with_alt(own));
	/* Not again from there. */
	save_with_alt("linked");
	assert_false(opens_with_alt(own));
	root__put(root);
	root__put(own);
}

static void what_is_shared_is_no_pipe(void **state)
{
	struct root *root = root__open(jailed);
	int opens;

	(void)state;
	unlink(at("alt"));
	assert_int_equal(mkfifo(at("alt"), 0600), 0);
	opens = opens__watch(at("alt"));
	save_with_alt("/alt");
	assert_false(opens_with_alt(root));
	assert_false(opens__happened(opens));
	close(opens);
	unlink(at("alt"));
	root__put(root);
}

/* Asks for every address of the seed, whose other half is split-tiny.dwo beside it. */
static void find_all(struct root *root)
{
	struct lead lead;
	struct dwarf_source source = source_of(&lead, "split", root);
	struct elf_image *seed = open_image("split");
	struct dwarf_index *index = dwarf_index__open(seed, &source);
	struct found found;

	assert_non_null(index);
	for (uint64_t vaddr = 0; vaddr < 4096; vaddr++)
		dwarf_index__find(index, vaddr, &found);
	assert_int_equal(dwarf_index__indexed(index), 1);
	dwarf_index__close(index);
	elf_image__close(seed);
	lead__release(&lead);
}

static void the_other_half_is_a_regular_file_of_the_hosts(void **state)
{
	struct root *root = root__open(jailed), *own = root__own();
	char command[256];
	int opens;

	(void)state;
	snprintf(command, sizeof(command), "cp tests/fuzz/corpus/symbolize/split %s", folder);
	assert_int_equal(system(command), 0);
	save_own_file("split-tiny.dwo");
	opens = opens__watch(at("split-tiny.dwo"));
	find_all(root);
	find_all(NULL);
	assert_false(opens__happened(opens));
	find_all(own);
	assert_true(opens__happened(opens));
	close(opens);
	unlink(at("split-tiny.dwo"));
	assert_int_equal(mkfifo(at("split-tiny.dwo"), 0600), 0);
	opens = opens__watch(at("split-tiny.dwo"));
	find_all(own);
	assert_false(opens__happened(opens));
	close(opens);
	root__put(root);
	root__put(own);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chain_is_told_from_the_inside_out),
		cmocka_unit_test(code_of_the_function_itself_is_in_no_inlined_one),
		cmocka_unit_test(a_function_within_a_function_is_found),
		cmocka_unit_test(what_was_forgotten_is_found_again),
		cmocka_unit_test(a_unit_is_indexed_once),
		cmocka_unit_test(what_no_unit_covers_is_not_found),
		cmocka_unit_test(a_file_without_dwarf_has_no_index),
		IN_FOLDER(what_is_shared_is_found_below_the_root),
		IN_FOLDER(what_is_shared_is_no_pipe),
		IN_FOLDER(the_other_half_is_a_regular_file_of_the_hosts),
	};

	return cmocka_run_group_tests(tests, open_self, close_self);
}
