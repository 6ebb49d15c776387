// SPDX-License-Identifier: Apache-2.0
/* Whatever the other side is: rows, or none, and soon. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "collect/file_rows.h"
#include "reader/nursery.h"
#include "unwind/cfi_message.h"
#include "unwind/cfi_worker.h"
#include "theatre.h"

#define ANSWER_MS 200

static struct file_rows *open_rows(struct theatre *theatre, play *play)
{
	struct file_rows *rows;

	theatre__open(theatre, MESSAGE_READ_ROWS, play);
	rows = file_rows__new(&theatre->source,
			      &(struct file_rows_patience){.answer_ms = ANSWER_MS});
	assert_non_null(rows);
	return rows;
}

/* Another one each time. */
static struct elf_file *open_file(void)
{
	struct elf_file *file = elf_file__open(memfd_create("test", MFD_CLOEXEC), "a\033[31mfile");

	assert_non_null(file);
	return file;
}

static struct file_rows_figures figures_of(const struct file_rows *rows)
{
	struct file_rows_figures figures;

	file_rows__figures(rows, &figures);
	return figures;
}

/* --- plays --- */

static void tell_table(int socket, const struct cfi_row *rows, size_t count, size_t of)
{
	struct wire_unwind_rule rules[] = {{}, {.cfa = WIRE_CFA_SIGNAL}};
	struct cfi_table table = {
		.rows = (struct cfi_row *)rows, .row_count = of, .rules = rules, .rule_count = 2};
	struct message message = {.fd = -1};
	size_t next = 0;

	cfi_message__put_rules(&message, &table);
	message__send(&message, socket, -1, INT64_MAX);
	table.row_count = count;
	cfi_message__put_rows(&message, &table, &next);
	message__send(&message, socket, -1, INT64_MAX);
	message__release(&message);
}

static const struct cfi_row good_rows[] = {
	{0x1000, 1},
        {0x2000, 0},
        {0x3000, 1},
        {0x4000, 0}
};

static void is_honest(int socket, struct message *question)
{
	if (question->fd < 0 || question->size)
		_exit(1);
	tell_table(socket, good_rows, 4, 4);
}

static void dies_in_the_middle(int socket, struct message *question)
{
	(void)question;
	tell_table(socket, good_rows, 2, 4);
	_exit(0);
}

static void hangs_in_the_middle(int socket, struct message *question)
{
	(void)question;
	tell_table(socket, good_rows, 2, 4);
	pause();
}

static void lies(int socket, struct message *question)
{
	static const struct cfi_row rows[] = {
		{0x1000, 1},
                {0x1000, 0}
        };

	(void)question;
	tell_table(socket, rows, 2, 2);
}

static void says_an_error_that_is_none(int socket, struct message *question)
{
	struct message message = {.fd = -1};

	(void)question;
	cfi_message__put_error(&message, -5);
	message__send(&message, socket, -1, INT64_MAX);
}

/* Tells rows without end, the last of which never comes. */
static void drips(int socket, struct message *question)
{
	struct message message = {.fd = -1};

	(void)question;
	tell_table(socket, good_rows, 1, CFI_ROWS_MAX);
	for (uint64_t i = 1;; i++) {
		message__begin(&message, MESSAGE_ROWS);
		message__put_number(&message, 0x1000 + i);
		message__put_number(&message, 1 - i % 2);
		if (message__send(&message, socket, -1, INT64_MAX))
			_exit(0);
		usleep(10000);
	}
}

static void has_none(int socket, struct message *question)
{
	struct message message = {.fd = -1};

	(void)question;
	cfi_message__put_error(&message, ENOENT);
	message__send(&message, socket, -1, INT64_MAX);
	message__release(&message);
}

static void has_no_memory(int socket, struct message *question)
{
	struct message message = {.fd = -1};

	(void)question;
	cfi_message__put_error(&message, ENOMEM);
	message__send(&message, socket, -1, INT64_MAX);
	message__release(&message);
}

/* --- what becomes of it --- */

static void assert_read(struct file_rows *rows, const struct elf_file *file)
{
	struct cfi_table *table = file_rows__read(rows, file);

	assert_non_null(table);
	assert_int_equal(table->row_count, 4);
	assert_int_equal(table->rows[2].vaddr, 0x3000);
	assert_int_equal(table->rules[table->rows[2].rule].cfa, WIRE_CFA_SIGNAL);
	cfi_table__close(table);
}

static void an_honest_one_is_believed(void **state)
{
	struct theatre theatre;
	struct file_rows *rows = open_rows(&theatre, is_honest);
	struct elf_file *file = open_file();

	(void)state;
	assert_read(rows, file);
	assert_read(rows, file);
	assert_int_equal(theatre.started, 1);
	file_rows__rest(rows);
	assert_int_equal(theatre.pid, 0);
	assert_read(rows, file);
	assert_int_equal(theatre.started, 2);
	assert_int_equal(figures_of(rows).failed, 0);
	elf_file__put(file);
	file_rows__free(rows);
	theatre__end(&theatre);
}

static void a_file_without_rows_is_no_failure(void **state)
{
	struct theatre theatre;
	struct file_rows *rows = open_rows(&theatre, has_none);
	struct elf_file *file = open_file();

	(void)state;
	assert_null(file_rows__read(rows, file));
	assert_int_equal(errno, ENOENT);
	assert_int_equal(figures_of(rows).failed, 0);
	elf_file__put(file);
	file_rows__free(rows);
	theatre__end(&theatre);
}

static const struct {
	play *play;
	enum worker_end end;
	int started;
} bad_ones[] = {
	{dies,		       WORKER_DIED,      2},
        {dies_in_the_middle,         WORKER_DIED,      2},
	{hangs,		      WORKER_HUNG,      1},
        {hangs_in_the_middle,        WORKER_HUNG,      1},
	{drips,		      WORKER_HUNG,      1},
        {raves,                      WORKER_MALFORMED, 1},
	{lies,		       WORKER_MALFORMED, 1},
        {says_an_error_that_is_none, WORKER_MALFORMED, 1},
};

static void assert_no_rows(size_t i)
{
	struct theatre theatre;
	struct file_rows *rows = open_rows(&theatre, bad_ones[i].play);
	struct elf_file *file = open_file();
	int64_t began_ms = clock__monotonic_ms();

	/* Once, and then it is not asked for any more. */
	for (int times = 0; times < 3; times++) {
		assert_null(file_rows__read(rows, file));
		assert_int_equal(errno, EIO);
		assert_int_equal(theatre.started, bad_ones[i].started);
		assert_int_equal(figures_of(rows).ends.counts[bad_ones[i].end], theatre.started);
		assert_int_equal(figures_of(rows).failed, 1);
		file_rows__rest(rows);
	}
	assert_true(clock__monotonic_ms() - began_ms < 10 * ANSWER_MS);
	elf_file__put(file);
	file_rows__free(rows);
	theatre__end(&theatre);
}

static void a_bad_one_gives_no_rows_and_costs_little_time(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_ones) / sizeof(*bad_ones); i++)
		assert_no_rows(i);
}

static void one_that_was_killed_once_costs_no_rows(void **state)
{
	struct theatre theatre;
	struct file_rows *rows = open_rows(&theatre, dies_in_the_middle);
	struct elf_file *file = open_file();

	(void)state;
	theatre.encore = is_honest;
	assert_read(rows, file);
	assert_int_equal(theatre.started, 2);
	assert_int_equal(figures_of(rows).ends.counts[WORKER_DIED], 1);
	assert_int_equal(figures_of(rows).failed, 0);
	elf_file__put(file);
	file_rows__free(rows);
	theatre__end(&theatre);
}

static void a_bad_file_does_not_harm_the_next(void **state)
{
	struct theatre theatre;
	struct file_rows *rows = open_rows(&theatre, lies);
	struct elf_file *bad = open_file(), *good = open_file();

	(void)state;
	theatre.encore = is_honest;
	assert_null(file_rows__read(rows, bad));
	assert_read(rows, good);
	assert_null(file_rows__read(rows, bad));
	elf_file__put(bad);
	elf_file__put(good);
	file_rows__free(rows);
	theatre__end(&theatre);
}

static void a_worker_that_is_out_of_memory_is_a_failure(void **state)
{
	struct theatre theatre;
	struct file_rows *rows = open_rows(&theatre, has_no_memory);
	struct elf_file *file = open_file();

	(void)state;
	assert_null(file_rows__read(rows, file));
	assert_int_equal(figures_of(rows).failed, 1);
	elf_file__put(file);
	file_rows__free(rows);
	theatre__end(&theatre);
}

static void without_workers_each_file_is_a_failure(void **state)
{
	struct file_rows *rows = file_rows__new(NULL, &(struct file_rows_patience){});
	struct elf_file *file = open_file();

	(void)state;
	for (uint64_t i = 1; i <= 3; i++) {
		assert_null(file_rows__read(rows, file));
		assert_int_equal(errno, EIO);
		assert_int_equal(figures_of(rows).failed, i);
	}
	elf_file__put(file);
	file_rows__free(rows);
}

#define ALLOWANCE_MS 1600
#define FILES        50
#define HONEST       11

/* The first that hang leave enough for one that does not, and all of them do not hang for long. */
static void many_that_hang_cost_no_more_than_the_allowance(void **state)
{
	struct theatre theatre;
	struct file_rows *rows;
	struct elf_file *file;
	int64_t began_ms = clock__monotonic_ms(), took_ms;

	(void)state;
	theatre__open(&theatre, MESSAGE_READ_ROWS, hangs);
	rows = file_rows__new(&theatre.source, &(struct file_rows_patience){200, ALLOWANCE_MS});
	for (int i = 0; i < FILES; i++) {
		theatre.encore = i == HONEST ? is_honest : hangs;
		file = open_file();
		if (i == HONEST)
			assert_read(rows, file);
		else
			assert_null(file_rows__read(rows, file));
		file_rows__rest(rows);
		elf_file__put(file);
	}
	took_ms = clock__monotonic_ms() - began_ms;
	assert_in_range(took_ms, ALLOWANCE_MS / 2, 3 * ALLOWANCE_MS);
	/* None is left out of the count, whether it was looked at or not. */
	assert_int_equal(figures_of(rows).failed, FILES - 1);
	assert_true(theatre.started < FILES);
	/* It grows back. */
	usleep(ALLOWANCE_MS * 1000);
	theatre.encore = is_honest;
	file = open_file();
	assert_read(rows, file);
	elf_file__put(file);
	file_rows__free(rows);
	theatre__end(&theatre);
}

/* The real thing, of which a second kind is not needed. */
static void the_process_that_reads_rows_gives_those_of_a_file(void **state)
{
	static const struct worker_kind kind = {"exoprof-rows", cfi_worker__run, CFI_WORKER_MEMORY};
	struct nursery *nursery = nursery__start(&kind, 1);
	struct file_rows *rows =
		file_rows__new(nursery__source(nursery, 0), &(struct file_rows_patience){});
	struct elf_file *file =
		elf_file__open(open("/proc/self/exe", O_RDONLY | O_CLOEXEC), "test");
	struct elf_file *empty = open_file();
	struct cfi_table *here = cfi_table__open(elf_file__fd(file)), *there;

	(void)state;
	assert_non_null(nursery);
	there = file_rows__read(rows, file);
	assert_non_null(there);
	assert_int_equal(there->row_count, here->row_count);
	for (size_t i = 0; i < here->row_count; i++)
		assert_int_equal(there->rows[i].vaddr, here->rows[i].vaddr);
	assert_null(file_rows__read(rows, empty));
	assert_int_equal(errno, EBADMSG);
	assert_int_equal(figures_of(rows).failed, 0);
	cfi_table__close(here);
	cfi_table__close(there);
	elf_file__put(file);
	elf_file__put(empty);
	file_rows__free(rows);
	nursery__stop(nursery);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_honest_one_is_believed),
		cmocka_unit_test(a_file_without_rows_is_no_failure),
		cmocka_unit_test(a_bad_one_gives_no_rows_and_costs_little_time),
		cmocka_unit_test(one_that_was_killed_once_costs_no_rows),
		cmocka_unit_test(a_bad_file_does_not_harm_the_next),
		cmocka_unit_test(a_worker_that_is_out_of_memory_is_a_failure),
		cmocka_unit_test(without_workers_each_file_is_a_failure),
		cmocka_unit_test(many_that_hang_cost_no_more_than_the_allowance),
		cmocka_unit_test(the_process_that_reads_rows_gives_those_of_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
