// SPDX-License-Identifier: Apache-2.0
/* The estimate of what is on a heap: from texts as the kernel writes them, and of real processes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target/memory.h"

#define KB 1024ULL
#define MB (1024 * KB)

/* One mapping, cut down to the lines that matter and some that look like them. */
#define FACTS(anonymous, swap)                \
	"Size:               9999 kB\n"       \
	"Rss:                9999 kB\n"       \
	"Private_Dirty:      9999 kB\n"       \
	"Anonymous:          " anonymous "\n" \
	"LazyFree:           9999 kB\n"       \
	"AnonHugePages:      9999 kB\n"       \
	"Swap:               " swap "\n"      \
	"SwapPss:            9999 kB\n"       \
	"THPeligible:           1\n"          \
	"VmFlags: rd wr mr mw me ac \n"

#define NOT_FILE "00000000 00:00 0"
#define PADDING  "                          "

static int parse_with_stacks(const char *text, const uint64_t *stacks, size_t count,
			     uint64_t *bytes)
{
	FILE *in = *text ? fmemopen((void *)text, strlen(text), "r") : fopen("/dev/null", "r");
	int err;

	assert_non_null(in);
	err = memory__parse(in, stacks, count, bytes);
	fclose(in);
	return err;
}

static void assert_bytes(const char *text, uint64_t expected)
{
	uint64_t bytes = 77;

	assert_int_equal(parse_with_stacks(text, NULL, 0, &bytes), 0);
	assert_int_equal(bytes, expected);
}

static void assert_bytes_with_stack(const char *text, uint64_t stack, uint64_t expected)
{
	/* Others that lead nowhere are before it and behind it. */
	uint64_t stacks[] = {0, stack, UINT64_MAX}, bytes = 77;

	assert_int_equal(parse_with_stacks(text, stacks, 3, &bytes), 0);
	assert_int_equal(bytes, expected);
}

static void assert_refused(const char *text)
{
	uint64_t bytes = 77;

	if (parse_with_stacks(text, NULL, 0, &bytes) != -EBADMSG)
		fail_msg("not refused: %s", text);
	assert_int_equal(bytes, 77);
}

static void the_heap_counts_with_what_is_swapped_out(void **state)
{
	(void)state;
	assert_bytes("1000-9000 rw-p " NOT_FILE PADDING "[heap]\n" FACTS("20 kB", "4 kB"), 24 * KB);
}

static void memory_without_a_name_counts(void **state)
{
	(void)state;
	assert_bytes("1000-9000 rw-p " NOT_FILE " \n" FACTS("20 kB", "0 kB"), 20 * KB);
	assert_bytes("1000-9000 rw-p " NOT_FILE "\n" FACTS("20 kB", "1 kB"), 21 * KB);
	assert_bytes("1000-9000 rwxp " NOT_FILE " \n" FACTS("20 kB", "0 kB"), 20 * KB);
}

static void memory_that_the_target_named_counts(void **state)
{
	(void)state;
	assert_bytes("1000-9000 rw-p " NOT_FILE PADDING
		     "[anon:scudo:primary]\n" FACTS("20 kB", "0 kB"),
		     20 * KB);
	assert_bytes("1000-9000 rw-p " NOT_FILE PADDING "[anon: 1-2 r--p]\n" FACTS("20 kB", "0 kB"),
		     20 * KB);
}

static void files_do_not_count(void **state)
{
	(void)state;
	assert_bytes(
		"1000-9000 rw-p 00001000 fe:01 393317 /usr/lib/libc.so.6\n" FACTS("20 kB", "4 kB"),
		0);
	assert_bytes("1000-9000 rw-s 00000000 00:01 5 /dev/zero (deleted)\n" FACTS("20 kB", "4 kB"),
		     0);
	assert_bytes("1000-9000 rw-p 00000000 fe:01 7 [heap]\n" FACTS("20 kB", "4 kB"), 0);
}

static void what_cannot_be_written_does_not_count(void **state)
{
	(void)state;
	assert_bytes("1000-9000 r--p " NOT_FILE " \n" FACTS("20 kB", "4 kB"), 0);
	assert_bytes("1000-9000 ---p " NOT_FILE " \n" FACTS("20 kB", "4 kB"), 0);
	assert_bytes("1000-9000 r--p " NOT_FILE PADDING "[heap]\n" FACTS("20 kB", "4 kB"), 0);
}

static void the_kernels_own_mappings_do_not_count(void **state)
{
	static const char *const names[] = {"[stack]",       "[vdso]",     "[vvar]",
					    "[vvar_vclock]", "[vsyscall]", "[uprobes]",
					    "[stack:1234]",  "[anon"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char text[1024];

		snprintf(text, sizeof(text), "1000-9000 rw-p %s %s\n%s", NOT_FILE, names[i],
			 FACTS("20 kB", "4 kB"));
		assert_bytes(text, 0);
	}
}

static void mappings_are_added_up(void **state)
{
	(void)state;
	assert_bytes(
		"1000-2000 rw-p 00001000 fe:01 393317 /usr/bin/cat\n" FACTS(
			"1 kB", "2 kB") "2000-3000 rw-p " NOT_FILE
			PADDING "[heap]\n" FACTS("4 kB", "8 kB") "3000-4000 r-xp 00001000 fe:01 393318 /usr/lib/libc.so.6\n" FACTS(
				"16 kB",
				"32 kB") "4000-5000 rw-p " NOT_FILE
					 " \n" FACTS("64 kB",
						     "128 kB") "5000-6000 rw-p " NOT_FILE PADDING
							       "[stack]\n" FACTS("256 kB",
										 "512 kB"),
		(4 + 8 + 64 + 128) * KB);
}

static void a_waiting_threads_stack_does_not_count(void **state)
{
	static const char text[] =
		"10000-20000 rw-p " NOT_FILE
		" \n" FACTS("1 kB", "2 kB") "20000-30000 rw-p " NOT_FILE PADDING
					    "[anon:my stack]\n" FACTS(
						    "4 kB", "8 kB") "30000-40000 rw-p " NOT_FILE
								    " \n" FACTS("16 kB", "32 kB");

	(void)state;
	assert_bytes_with_stack(text, 0xffff, 63 * KB);
	assert_bytes_with_stack(text, 0x10000, 60 * KB);
	assert_bytes_with_stack(text, 0x1ffff, 60 * KB);
	assert_bytes_with_stack(text, 0x20000, 51 * KB);
	assert_bytes_with_stack(text, 0x3fff8, 15 * KB);
	assert_bytes_with_stack(text, 0x40000, 63 * KB);
}

static void a_stack_on_the_heap_takes_nothing_from_it(void **state)
{
	static const char eight[] = "10000000-10800000 rw-p " NOT_FILE " \n" FACTS("5 kB", "0 kB");
	static const char more[] = "10000000-10801000 rw-p " NOT_FILE " \n" FACTS("5 kB", "0 kB");

	(void)state;
	assert_bytes_with_stack("1000-9000 rw-p " NOT_FILE PADDING "[heap]\n" FACTS("5 kB", "0 kB"),
				0x8000, 5 * KB);
	assert_bytes_with_stack(eight, 0x107fff00, 0);
	assert_bytes_with_stack(more, 0x107fff00, 5 * KB);
}

static void the_last_line_needs_no_newline(void **state)
{
	(void)state;
	assert_bytes("1000-9000 rw-p " NOT_FILE PADDING "[heap]\nAnonymous:   20 kB", 20 * KB);
	assert_bytes("1000-9000 rw-p " NOT_FILE PADDING "[heap]", 0);
}

static void the_largest_number_fits_and_no_larger_one(void **state)
{
	(void)state;
	assert_bytes("1000-9000 rw-p " NOT_FILE " \nAnonymous: 18014398509481983 kB\n",
		     UINT64_MAX - 1023);
	/* Times 1024; in itself; with what is there. */
	assert_refused("1000-9000 rw-p " NOT_FILE " \nAnonymous: 18014398509481984 kB\n");
	assert_refused("1000-9000 rw-p " NOT_FILE " \nAnonymous: 18446744073709551616 kB\n");
	assert_refused("1000-9000 rw-p " NOT_FILE
		       " \nAnonymous: 18014398509481983 kB\nSwap: 1 kB\n");
}

static void what_does_not_count_may_be_anything(void **state)
{
	(void)state;
	assert_bytes("1000-9000 r--p " NOT_FILE " \nAnonymous: 18446744073709551616 kB\n", 0);
	assert_bytes("1000-9000 rw-p " NOT_FILE " \nNews: of a later kernel\nAnonymous: 1 kB\n",
		     KB);
}

static void malformed_lines_are_refused(void **state)
{
	static const char *const lines[] = {
		"\n",
		"hello\n",
		"2000-1000 rw-p " NOT_FILE "\n",
		"9000-a000 rw-p\n",
		"9000",
		"Anonymous",
		"Anonym",
		"Anonymous:",
		"Anonymous:\n",
		"Anonymous:    kB\n",
		"Anonymous:   20",
		"Anonymous:   20\n",
		"Anonymous:   20 k",
		"Anonymous:   20 MB\n",
		"Anonymous:   20 kB more\n",
		"Anonymous:   20kB\n",
		"Anonymous:   -1 kB\n",
		"Anonymous:   +1 kB\n",
		"Anonymous:   0x1 kB\n",
		"Anonymous:   x kB\n",
		"Swap:        x kB\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		char text[256];

		snprintf(text, sizeof(text), "1000-9000 rw-p %s \n%s", NOT_FILE, lines[i]);
		assert_refused(text);
	}
}

static void facts_of_no_mapping_are_refused(void **state)
{
	(void)state;
	assert_refused("Anonymous:   20 kB\n");
	assert_refused("Size:   20 kB\n1000-9000 rw-p " NOT_FILE " \n");
}

static void an_empty_text_is_of_a_process_that_is_gone(void **state)
{
	uint64_t bytes = 77;

	(void)state;
	assert_int_equal(parse_with_stacks("", NULL, 0, &bytes), -ESRCH);
	assert_int_equal(bytes, 77);
}

static void a_read_error_is_passed_on(void **state)
{
	FILE *in = fopen("/", "r");
	uint64_t bytes;

	(void)state;
	assert_int_equal(memory__parse(in, NULL, 0, &bytes), -EISDIR);
	fclose(in);
}

static void a_waiting_threads_stack_pointer_is_the_last_but_one(void **state)
{
	uint64_t pointer;

	(void)state;
	assert_true(memory__stack_pointer("0 0x3 0x7f8f4a23e000 0x20000 0x22 0xffffffff 0x0 "
					  "0x7ffd1624e808 0x7f8f4a3b72ad\n",
					  &pointer));
	assert_int_equal(pointer, 0x7ffd1624e808);
	assert_true(memory__stack_pointer("-1 0x7ffd1624e808 0x7f8f4a3b72ad\n", &pointer));
	assert_int_equal(pointer, 0x7ffd1624e808);
	assert_true(memory__stack_pointer("-1 0xffffffffffffffff 0x1", &pointer));
	assert_int_equal(pointer, UINT64_MAX);
}

static void a_running_thread_has_no_stack_pointer(void **state)
{
	static const char *const texts[] = {
		"running\n", "", " ", "\n", "0x10 0x20", "-1 x10 0x20", "-1  0x20", "-1 -5 0x20"};
	uint64_t pointer;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		if (memory__stack_pointer(texts[i], &pointer))
			fail_msg("not refused: \"%s\"", texts[i]);
	}
}

/* --- real processes: a child does one thing for each byte it gets, and says when it has --- */

struct child {
	pid_t pid;
	int commands[2], answers[2];
};

static void start_child(struct child *child, void (*live)(struct child *child))
{
	assert_int_equal(pipe(child->commands) | pipe(child->answers), 0);
	child->pid = fork();
	if (!child->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		live(child);
		_exit(0);
	}
	assert_true(child->pid > 0);
}

static void end_child(struct child *child)
{
	kill(child->pid, SIGKILL);
	waitpid(child->pid, NULL, 0);
	for (size_t i = 0; i < 2; i++) {
		close(child->commands[i]);
		close(child->answers[i]);
	}
}

static void await_command(struct child *child)
{
	char byte;

	if (read(child->commands[0], &byte, 1) != 1)
		_exit(1);
}

static void answer(struct child *child)
{
	if (write(child->answers[1], "", 1) != 1)
		_exit(1);
}

static void await_answer(struct child *child)
{
	char byte;

	assert_int_equal(read(child->answers[0], &byte, 1), 1);
}

static void command(struct child *child)
{
	assert_int_equal(write(child->commands[1], "", 1), 1);
	await_answer(child);
}

static uint64_t anonymous(pid_t pid)
{
	uint64_t bytes;

	assert_int_equal(memory__anonymous(pid, &bytes), 0);
	return bytes;
}

static void grow(struct child *child)
{
	char *block;

	answer(child);
	await_command(child);
	block = mmap(NULL, 64 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	answer(child);
	await_command(child);
	memset(block, 1, 64 * MB);
	answer(child);
	await_command(child);
	munmap(block, 32 * MB);
	answer(child);
	pause();
}

static size_t count_descriptors(void)
{
	size_t count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void no_descriptor_is_left_open(void **state)
{
	size_t before = count_descriptors();

	(void)state;
	anonymous(getpid());
	assert_int_equal(count_descriptors(), before);
}

static void the_figure_is_what_was_touched(void **state)
{
	struct child child;
	uint64_t before;

	(void)state;
	start_child(&child, grow);
	await_answer(&child);
	before = anonymous(child.pid);
	assert_true(before > 0);
	command(&child);
	assert_in_range(anonymous(child.pid), before, before + MB);
	command(&child);
	assert_in_range(anonymous(child.pid), before + 64 * MB, before + 65 * MB);
	command(&child);
	assert_in_range(anonymous(child.pid), before + 32 * MB, before + 33 * MB);
	end_child(&child);
}

static void *wait_then_run(void *context)
{
	struct child *child = context;
	volatile char used[MB];

	for (size_t i = 0; i < sizeof(used); i += 512)
		used[i] = 1;
	answer(child);
	await_command(child);
	answer(child);
	for (;;)
		used[0]++;
	return NULL;
}

static void start_thread(struct child *child)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 8 * MB);
	pthread_create(&thread, &attributes, wait_then_run, child);
	pthread_join(thread, NULL);
}

static bool all_threads_wait(pid_t pid)
{
	char command[64], text[256];
	bool all = true;
	FILE *in;

	snprintf(command, sizeof(command), "cat /proc/%d/task/*/syscall", pid);
	in = popen(command, "r");
	assert_non_null(in);
	while (fgets(text, sizeof(text), in))
		all = all && strcmp(text, "running\n");
	pclose(in);
	return all;
}

static void a_threads_stack_counts_only_while_it_runs(void **state)
{
	struct child child;
	uint64_t waiting;

	(void)state;
	start_child(&child, start_thread);
	await_answer(&child);
	while (!all_threads_wait(child.pid))
		usleep(1000);
	waiting = anonymous(child.pid);
	command(&child);
	assert_in_range(anonymous(child.pid), waiting + MB, waiting + MB + 256 * KB);
	end_child(&child);
}

static void a_process_that_is_gone_has_no_figure(void **state)
{
	struct child child;
	uint64_t bytes;
	siginfo_t info;
	int err;

	(void)state;
	start_child(&child, grow);
	await_answer(&child);
	kill(child.pid, SIGKILL);
	waitid(P_PID, child.pid, &info, WEXITED | WNOWAIT);
	err = memory__anonymous(child.pid, &bytes);
	/* Of what is left of it, only root may read. */
	assert_true(err == -ESRCH || err == -EACCES);
	end_child(&child);
	assert_int_equal(memory__anonymous(child.pid, &bytes), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_heap_counts_with_what_is_swapped_out),
		cmocka_unit_test(memory_without_a_name_counts),
		cmocka_unit_test(memory_that_the_target_named_counts),
		cmocka_unit_test(files_do_not_count),
		cmocka_unit_test(what_cannot_be_written_does_not_count),
		cmocka_unit_test(the_kernels_own_mappings_do_not_count),
		cmocka_unit_test(mappings_are_added_up),
		cmocka_unit_test(a_waiting_threads_stack_does_not_count),
		cmocka_unit_test(a_stack_on_the_heap_takes_nothing_from_it),
		cmocka_unit_test(the_last_line_needs_no_newline),
		cmocka_unit_test(the_largest_number_fits_and_no_larger_one),
		cmocka_unit_test(what_does_not_count_may_be_anything),
		cmocka_unit_test(malformed_lines_are_refused),
		cmocka_unit_test(facts_of_no_mapping_are_refused),
		cmocka_unit_test(an_empty_text_is_of_a_process_that_is_gone),
		cmocka_unit_test(a_read_error_is_passed_on),
		cmocka_unit_test(a_waiting_threads_stack_pointer_is_the_last_but_one),
		cmocka_unit_test(a_running_thread_has_no_stack_pointer),
		cmocka_unit_test(no_descriptor_is_left_open),
		cmocka_unit_test(the_figure_is_what_was_touched),
		cmocka_unit_test(a_threads_stack_counts_only_while_it_runs),
		cmocka_unit_test(a_process_that_is_gone_has_no_figure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
