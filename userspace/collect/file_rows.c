// SPDX-License-Identifier: Apache-2.0
#include "collect/file_rows.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/intern.h"
#include "base/say.h"
#include "reader/supervisor.h"
#include "unwind/cfi_message.h"

/* libLLVM's 0.9 million rows take a second or two. */
#define ANSWER_MS    10000

/* A library's take milliseconds (libc's 10), those of a program with all of its libraries 100 or
 * so. */
#define ALLOWANCE_MS 60000
#define REGROWTH     4 /* one in so many milliseconds comes back */
#define SHARE        4 /* one in so many of those left is for one file */

/* What killed the process may have been somebody else, once. */
#define DEATHS_MAX   2

/* A hostile program has as many files as it likes. */
#define SAID_MAX     16
#define GIVEN_UP_MAX 4096

struct file_rows {
	struct supervisor *supervisor;
	struct intern *given_up; /* stamps of files */
	int64_t answer_ms, allowance_ns;
	int64_t left_ns, left_at_ns; /* of the allowance, and when that was */
	uint64_t failed;
	bool is_silent; /* it was said that there are no workers */
};

struct file_rows *file_rows__new(const struct worker_source *source,
				 const struct file_rows_patience *patience)
{
	struct file_rows *rows = calloc(1, sizeof(*rows));

	if (!rows)
		return NULL;
	rows->supervisor = supervisor__new(source);
	rows->given_up = intern__new();
	rows->answer_ms = patience->answer_ms ?: ANSWER_MS;
	rows->allowance_ns = (patience->allowance_ms ?: ALLOWANCE_MS) * 1000000LL;
	rows->left_ns = rows->allowance_ns;
	rows->left_at_ns = clock__monotonic_ns();
	if (rows->supervisor && rows->given_up)
		return rows;
	file_rows__free(rows);
	errno = ENOMEM;
	return NULL;
}

void file_rows__free(struct file_rows *rows)
{
	if (!rows)
		return;
	supervisor__free(rows->supervisor);
	intern__free(rows->given_up);
	free(rows);
}

static void grow_back(struct file_rows *rows)
{
	int64_t now_ns = clock__monotonic_ns();

	rows->left_ns += (now_ns - rows->left_at_ns) / REGROWTH;
	rows->left_at_ns = now_ns;
	if (rows->left_ns > rows->allowance_ns)
		rows->left_ns = rows->allowance_ns;
}

static int64_t share_ms(const struct file_rows *rows)
{
	int64_t ms = rows->left_ns / 1000000 / SHARE;

	return ms < rows->answer_ms ? ms : rows->answer_ms;
}

/* A path that the target chose, in a terminal. */
static void say_failure(const struct file_rows *rows, const struct elf_file *file, const char *why)
{
	char text[256];

	if (rows->failed > SAID_MAX)
		return;
	snprintf(text, sizeof(text), "%s", elf_file__name(file));
	for (char *c = text; *c; c++) {
		if (!isprint((unsigned char)*c))
			*c = '?';
	}
	say("reading %s for unwind rows, %s; its functions are passed by frame pointer%s", text,
	    why, rows->failed == SAID_MAX ? " (further files are only counted)" : "");
}

static void say_unavailable(struct file_rows *rows)
{
	if (rows->is_silent)
		return;
	rows->is_silent = true;
	say("there is no process that could read files for unwind rows: functions of files that are "
	    "new are passed by frame pointer");
}

/* 0, a positive error of the file's, or of supervisor__send() and its kin. */
static int receive(struct supervisor *supervisor, struct cfi_arrival *arrival)
{
	struct message *message = supervisor__message(supervisor);
	int err = supervisor__receive(supervisor);

	if (!err)
		err = cfi_arrival__begin(arrival, message);
	while (!err && !cfi_arrival__is_over(arrival)) {
		err = supervisor__receive(supervisor);
		if (!err)
			err = cfi_arrival__add(arrival, message);
	}
	return err;
}

static int ask(struct file_rows *rows, const struct elf_file *file, struct cfi_table **table)
{
	struct supervisor *supervisor = rows->supervisor;
	struct cfi_arrival arrival = {};
	int err = supervisor__be_ready(supervisor);

	if (err)
		return err;
	supervisor__set_deadline(supervisor, share_ms(rows));
	message__begin(supervisor__message(supervisor), MESSAGE_READ_ROWS);
	err = supervisor__send(supervisor, elf_file__fd(file));
	if (!err)
		err = receive(supervisor, &arrival);
	*table = cfi_arrival__end(&arrival);
	if (err < 0)
		supervisor__end(supervisor, err);
	return err;
}

/* 0, or a positive error of the file's, or -errno where reading it has failed. */
static int ask_again(struct file_rows *rows, const struct elf_file *file, struct cfi_table **table)
{
	int64_t began_ns = clock__monotonic_ns();
	int err, deaths = 0;

	do {
		err = share_ms(rows) > 0 ? ask(rows, file, table) : -ETIME;
	} while (err == -EPIPE && ++deaths < DEATHS_MAX);
	rows->left_ns -= clock__monotonic_ns() - began_ns;
	/* The file's are that it has no rows. */
	return err == ENOMEM ? -ENOMEM : err;
}

static const char *reason(int err)
{
	switch (err) {
	case -EPIPE:
		return "the process that does so died";
	case -ETIMEDOUT:
		return "the process that does so gave no answer in time";
	case -ETIME:
		return "there was no time left, which others had taken";
	case -ENOMEM:
		return "memory was short";
	default:
		return "the process that does so gave an answer that is none";
	}
}

static void note_failure(struct file_rows *rows, const struct elf_file *file, int err)
{
	const struct file_stamp *stamp = elf_file__stamp(file);

	rows->failed++;
	if (err == -ENOLINK) {
		say_unavailable(rows);
		return;
	}
	say_failure(rows, file, reason(err));
	/* That of a file whose stamp is unknown would be others', too. */
	if (err != -ETIME && stamp->inode && intern__count(rows->given_up) < GIVEN_UP_MAX)
		intern__id(rows->given_up, stamp, sizeof(*stamp), NULL);
}

struct cfi_table *file_rows__read(struct file_rows *rows, const struct elf_file *file)
{
	const struct file_stamp *stamp = elf_file__stamp(file);
	struct cfi_table *table = NULL;
	int err;

	errno = EIO;
	if (intern__find(rows->given_up, stamp, sizeof(*stamp)) != INTERN_FAILED)
		return NULL;
	grow_back(rows);
	err = ask_again(rows, file, &table);
	if (err < 0)
		note_failure(rows, file, err);
	errno = err < 0 ? EIO : err;
	return table;
}

void file_rows__rest(struct file_rows *rows)
{
	supervisor__dismiss(rows->supervisor);
	supervisor__try_again(rows->supervisor);
}

void file_rows__figures(const struct file_rows *rows, struct file_rows_figures *figures)
{
	*figures = (struct file_rows_figures){
		.ends = *supervisor__ends(rows->supervisor),
		.failed = rows->failed,
	};
}
