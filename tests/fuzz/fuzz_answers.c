// SPDX-License-Identifier: Apache-2.0
/* Any bytes as what a process that reads the targets' files says to exoprof, for rows or for names,
 * as the first byte has it: no crash, and what is believed is within its bounds. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check_table.h"
#include "collect/file_rows.h"
#include "make_elf.h"
#include "reader/message.h"
#include "replay.h"
#include "symbol/worker_link.h"

/* Of what says all that it has to say at once. */
#define ANSWER_MS 50

/* Asked for, as the seeds answer them. */
#define FIRST     0x1000
#define ADDRESSES 4

struct speaker {
	const uint8_t *data;
	size_t size;
	int socket; /* -1: none */
};

static void end(void *context)
{
	struct speaker *speaker = context;

	if (speaker->socket >= 0)
		close(speaker->socket);
	speaker->socket = -1;
}

static int start(void *context)
{
	struct speaker *speaker = context;
	int ends[2];

	end(speaker);
	check(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "there are sockets");
	/* The rest of what is too long never comes. */
	check(send(ends[1], speaker->data, speaker->size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ||
		      !speaker->size,
	      "a socket has room");
	shutdown(ends[1], SHUT_WR);
	speaker->socket = ends[1];
	return ends[0];
}

static void tell_usage(void *context, struct worker_usage *usage)
{
	(void)context;
	*usage = (struct worker_usage){};
}

static void ask_for_rows(struct speaker *speaker, const struct worker_source *source,
			 const struct elf_file *file)
{
	struct file_rows *rows =
		file_rows__new(source, &(struct file_rows_patience){.answer_ms = ANSWER_MS});
	struct cfi_table *table;

	check(rows != NULL, "there is memory");
	table = file_rows__read(rows, file);
	if (table)
		check_table(table);
	cfi_table__close(table);
	file_rows__free(rows);
	end(speaker);
}

static void check_answer(void *context, uint64_t address, const struct found *found)
{
	uint64_t *next = context;

	check(address == (*next)++, "addresses are answered in order");
	if (!found)
		return;
	check(found->count <= FOUND_LINES_MAX, "functions have an end");
	check(found->function_vaddr <= address, "code begins before what is in it");
	for (size_t i = 0; i < found->count; i++) {
		const struct found_line *line = &found->lines[i];

		check(strlen(line->system_name) > 0, "a function has a name");
		check(!line->name || strlen(line->name) > 0, "a name has letters");
		check(!line->file || strlen(line->file) <= MESSAGE_TEXT_MAX, "a text has an end");
		check(line->line >= 0 && line->start_line >= 0, "lines count up from 1");
	}
}

static void ask_for_names(struct worker_link *link, struct elf_file *file,
			  struct companions *companions)
{
	uint64_t addresses[ADDRESSES], next = FIRST;
	struct linked_file linked = {
		.number = 1, .fd = elf_file__fd(file), .companions = companions};
	struct worker_question question = {
		.file = &linked,
		.addresses = addresses,
		.count = ADDRESSES,
		.answer = check_answer,
		.context = &next,
	};
	size_t answered;
	int err;

	for (size_t i = 0; i < ADDRESSES; i++)
		addresses[i] = FIRST + i;
	err = worker_link__ask(link, &question, &answered);
	check(answered == next - FIRST && answered <= ADDRESSES, "answers are counted");
	check(err ? err == -EIO : answered == ADDRESSES, "all are answered");
	worker_link__forget(link, &linked);
}

static void ask_for_a_name(struct worker_link *link)
{
	const char *name = worker_link__demangle(link, "_Z1fv");

	check(!name || strlen(name) <= MESSAGE_TEXT_MAX, "a name has an end");
}

static void name(struct speaker *speaker, const struct worker_source *source, struct elf_file *file,
		 bool is_one)
{
	struct debug_files *debug_files = debug_files__new(NULL);
	struct companions *companions = companions__new(file, debug_files);
	struct worker_link *link = worker_link__new(source, ANSWER_MS);

	check(companions && link, "there is memory");
	if (is_one)
		ask_for_a_name(link);
	else
		ask_for_names(link, file, companions);
	worker_link__free(link);
	companions__free(companions);
	debug_files__free(debug_files);
	end(speaker);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct speaker speaker = {.data = data + 1, .size = size - 1, .socket = -1};
	struct worker_source source = {start, end, tell_usage, &speaker};
	struct elf_file *file;
	struct root *root;

	if (!size)
		return 0;
	file = elf_file__open(file_of((const uint8_t *)"", 0), "fuzz");
	root = root__own();
	check(file && root, "there is memory");
	elf_file__set_root(file, root);
	root__put(root);
	if (data[0] % 4 < 2)
		ask_for_rows(&speaker, &source, file);
	else
		name(&speaker, &source, file, data[0] % 4 == 3);
	elf_file__put(file);
	return 0;
}
