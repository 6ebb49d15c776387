// SPDX-License-Identifier: Apache-2.0
/* Code in a process's memory beside its file: a child changes its own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target/code.h"
#include "target/files.h"
#include "target/process.h"

#define SIZE 32

/* What is changed: somewhere in a page that nothing else is needed of. */
__attribute__((aligned(4096), section(".text.victim"), naked, used)) static void victim(void)
{
	__asm__(".fill 4096, 1, 0x90");
}

struct fixture {
	pid_t pid;
	struct process *process;
	struct files *files;
	struct maps *maps;
	const struct mapping *mapping; /* the victim's */
	uint64_t file_offset;          /* the victim's */
};

static void live_with(size_t at, int byte, int ready)
{
	if (byte >= 0) {
		if (mprotect((void *)victim, 4096, PROT_READ | PROT_WRITE | PROT_EXEC))
			_exit(1);
		((volatile unsigned char *)victim)[at] = byte;
	}
	if (write(ready, "", 1) != 1)
		_exit(1);
	while (1)
		pause();
}

/* A child whose victim has that byte there; as the file has it, where `byte` is negative. */
static struct fixture start(size_t at, int byte)
{
	struct fixture fixture = {};
	int ready[2];
	char told;

	assert_int_equal(pipe(ready), 0);
	fixture.pid = fork();
	if (!fixture.pid)
		live_with(at, byte, ready[1]);
	assert_int_equal(read(ready[0], &told, 1), 1);
	close(ready[0]);
	close(ready[1]);
	fixture.process = process__open(fixture.pid);
	fixture.files = files__new();
	fixture.maps = maps__read(fixture.process, fixture.files, NULL);
	assert_non_null(fixture.maps);
	fixture.mapping = maps__find(fixture.maps, (uintptr_t)victim);
	assert_non_null(fixture.mapping);
	assert_non_null(fixture.mapping->file);
	fixture.file_offset =
		(uintptr_t)victim - fixture.mapping->start + fixture.mapping->file_offset;
	return fixture;
}

static enum code_state compare(const struct fixture *fixture)
{
	return code__compare(fixture->pid, fixture->maps, fixture->mapping->file,
			     fixture->file_offset, SIZE);
}

static void end(struct fixture *fixture)
{
	kill(fixture->pid, SIGKILL);
	waitpid(fixture->pid, NULL, 0);
	maps__put(fixture->maps);
	files__free(fixture->files);
	process__close(fixture->process);
}

static enum code_state state_with(size_t at, int byte)
{
	struct fixture fixture = start(at, byte);
	enum code_state state = compare(&fixture);

	end(&fixture);
	return state;
}

static void what_nobody_has_changed_is_as_in_the_file(void **state)
{
	(void)state;
	assert_int_equal(state_with(0, -1), CODE_AS_IN_FILE);
	assert_int_equal(state_with(SIZE, 0xcc), CODE_AS_IN_FILE);
}

static void breakpoints_are_told_from_other_changes(void **state)
{
	(void)state;
	assert_int_equal(state_with(0, 0xcc), CODE_WITH_BREAKPOINTS);
	assert_int_equal(state_with(SIZE - 1, 0xcc), CODE_WITH_BREAKPOINTS);
	assert_int_equal(state_with(0, 0xe9), CODE_CHANGED);
	assert_int_equal(state_with(SIZE - 1, 0xe9), CODE_CHANGED);
}

static bool may_have_breakpoint_with(size_t at, int byte)
{
	struct fixture fixture = start(at, byte);
	bool may = code__may_have_breakpoint(fixture.pid, fixture.maps, fixture.mapping->file,
					     fixture.file_offset);

	end(&fixture);
	return may;
}

static void a_breakpoint_is_seen_in_memory_alone(void **state)
{
	(void)state;
	assert_true(may_have_breakpoint_with(0, 0xcc));
	assert_false(may_have_breakpoint_with(1, 0xcc));
	assert_false(may_have_breakpoint_with(0, -1));
	assert_false(may_have_breakpoint_with(0, 0xe9));
}

static void what_is_not_in_the_mappings_has_changed(void **state)
{
	struct fixture fixture = start(0, -1);

	(void)state;
	fixture.file_offset = UINT64_MAX - SIZE;
	assert_int_equal(compare(&fixture), CODE_CHANGED);
	end(&fixture);
}

/* It has ended, and nobody has waited for it yet. */
static void the_memory_of_one_that_has_ended_cannot_be_read(void **state)
{
	struct fixture fixture = start(0, -1);
	siginfo_t info;

	(void)state;
	kill(fixture.pid, SIGKILL);
	assert_int_equal(waitid(P_PID, fixture.pid, &info, WEXITED | WNOWAIT), 0);
	errno = 0;
	assert_int_equal(compare(&fixture), CODE_UNREAD);
	assert_int_equal(errno, ESRCH);
	end(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_nobody_has_changed_is_as_in_the_file),
		cmocka_unit_test(breakpoints_are_told_from_other_changes),
		cmocka_unit_test(a_breakpoint_is_seen_in_memory_alone),
		cmocka_unit_test(what_is_not_in_the_mappings_has_changed),
		cmocka_unit_test(the_memory_of_one_that_has_ended_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
