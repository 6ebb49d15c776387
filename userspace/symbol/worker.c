// SPDX-License-Identifier: Apache-2.0
#include "symbol/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "reader/message.h"
#include "reader/worker_sandbox.h"
#include "symbol/elf_image.h"
#include "symbol/found_message.h"
#include "symbol/open_files.h"
#include "symbol/split_files.h"

/* Answers are sent when there are so many bytes of them: who asks works on them meanwhile. */
#define CHUNK_BYTES 32768

/* Compressed sections: of a file and its debug file each 1 GiB (elf_image.c), and what libelf needs
 * to decompress the last. Beyond it malloc() fails, in here alone. */
#define FILES_BYTES (3UL << 30)

/* 512 files that answers are kept of, and four of each of the 64 that are being read. */
#define DESCRIPTORS 1024

struct worker {
	int socket;
	struct open_files *files;
	struct message question, answers, want;
	uint64_t answer_count;
	int err; /* there is nobody to talk to any more */
};

static void note(struct worker *worker, int err)
{
	if (err && !worker->err)
		worker->err = err;
}

static void tell(struct worker *worker, struct message *message)
{
	note(worker, message__send(message, worker->socket, -1, INT64_MAX));
}

/* The descriptor that was asked for, or -errno. It comes with its place, where that is wanted. */
static int receive_file(struct worker *worker, struct dwarf_place *place)
{
	struct message *answer = &worker->want;
	struct dwarf_place ignored;
	int64_t err;
	int fd;

	tell(worker, answer);
	if (!worker->err)
		note(worker, message__receive(answer, worker->socket, INT64_MAX));
	if (worker->err)
		return -EPIPE;
	err = message__take_number(answer);
	if (answer->type != MESSAGE_FILE || !found_message__take_place(answer, place ?: &ignored)) {
		note(worker, -EBADMSG);
		return -EBADMSG;
	}
	fd = answer->fd;
	answer->fd = -1;
	return fd >= 0 ? fd : err < 0 && err > -4096 ? (int)err : -ENOENT;
}

static int find_debug(void *context, const char *debuglink, uint32_t crc, struct dwarf_place *place)
{
	struct worker *worker = context;

	message__begin(&worker->want, MESSAGE_WANTS_DEBUG);
	message__put_text(&worker->want, debuglink);
	message__put_number(&worker->want, crc);
	return receive_file(worker, place);
}

static int open_part(void *context, bool of_debug, bool on_host, const char *path)
{
	struct worker *worker = context;

	message__begin(&worker->want, MESSAGE_WANTS_PART);
	message__put_number(&worker->want, of_debug);
	message__put_number(&worker->want, on_host);
	message__put_text(&worker->want, path);
	return receive_file(worker, NULL);
}

static void open_file(struct worker *worker)
{
	struct message *question = &worker->question;
	uint64_t number = message__take_number(question);
	bool is_list = message__take_number(question);
	struct dwarf_place place;
	int fd = question->fd;

	if (fd < 0 || !found_message__take_place(question, &place)) {
		note(worker, -EBADMSG);
		return;
	}
	question->fd = -1;
	/* One that is not there has no names. */
	if (is_list)
		open_files__add_list(worker->files, number, fd);
	else
		open_files__add(worker->files, number, fd, &place);
}

static void send_answers(struct worker *worker)
{
	if (worker->answer_count)
		tell(worker, &worker->answers);
	message__begin(&worker->answers, MESSAGE_ANSWERS);
	worker->answer_count = 0;
}

static void put_answer(struct worker *worker, const struct found *found, uint64_t address)
{
	static const struct found nothing;
	struct message *answers = &worker->answers;
	size_t before = answers->size;

	message__put_number(answers, address);
	message__put_number(answers, found != NULL);
	found_message__put(answers, found ?: &nothing);
	worker->answer_count++;
	if (!answers->failed)
		return;
	/* It is longer than a message may be. */
	answers->failed = false;
	answers->size = before;
	message__put_number(answers, address);
	message__put_number(answers, false);
	found_message__put(answers, &nothing);
}

static void send_figures(struct worker *worker)
{
	struct message *done = &worker->answers;
	struct open_files_figures figures;

	open_files__figures(worker->files, &figures);
	message__begin(done, MESSAGE_DONE);
	message__put_number(done, figures.open);
	message__put_number(done, figures.bytes);
	tell(worker, done);
}

static void find(struct worker *worker)
{
	struct message *question = &worker->question;
	uint64_t number = message__take_number(question);
	uint64_t ceiling_bytes = message__take_number(question);
	uint64_t count = message__take_number(question);

	open_files__set_ceiling(worker->files, ceiling_bytes);
	send_answers(worker);
	for (uint64_t i = 0; i < count && !question->failed && !worker->err; i++) {
		uint64_t address = message__take_number(question);

		put_answer(worker, open_files__find(worker->files, number, address), address);
		/* The first at once: it tells that the file can be read. */
		if (worker->answers.size >= CHUNK_BYTES || !i)
			send_answers(worker);
	}
	send_answers(worker);
	send_figures(worker);
}

static void demangle(struct worker *worker)
{
	const char *symbol = message__take_text(&worker->question);

	message__begin(&worker->answers, MESSAGE_NAME);
	message__put_text(&worker->answers,
			  symbol ? open_files__demangle(worker->files, symbol) : NULL);
	tell(worker, &worker->answers);
}

static void answer(struct worker *worker)
{
	switch (worker->question.type) {
	case MESSAGE_OPEN:
		open_file(worker);
		break;
	case MESSAGE_CLOSE:
		open_files__close(worker->files, message__take_number(&worker->question));
		break;
	case MESSAGE_FIND:
		find(worker);
		break;
	case MESSAGE_DEMANGLE:
		demangle(worker);
		break;
	default:
		note(worker, -EBADMSG);
	}
	if (!message__is_over(&worker->question))
		note(worker, -EBADMSG);
}

static struct worker *new_worker(int socket)
{
	struct worker *worker = calloc(1, sizeof(*worker));

	if (!worker)
		return NULL;
	worker->socket = socket;
	worker->question.fd = worker->answers.fd = worker->want.fd = -1;
	worker->files = open_files__new(&(struct opener){
		.find_debug = find_debug,
		.open_part = open_part,
		.context = worker,
	});
	if (worker->files)
		return worker;
	free(worker);
	return NULL;
}

static void serve(struct worker *worker)
{
	elf_image__survive_truncation();
	/* Of names, too, that lie in a mapped file until they are in a message. */
	elf_image__begin_reads();
	while (!worker->err) {
		note(worker, message__receive(&worker->question, worker->socket, INT64_MAX));
		if (!worker->err)
			answer(worker);
	}
}

/* Who maps files gets signals where one is cut, a timer ends libiberty, and libdw opens split DWARF
 * by path (split_files.c). */
static int shut(size_t memory_bytes)
{
	static const int calls[] = {
		SYS_readlinkat,   SYS_gettid,       SYS_timer_create,   SYS_timer_settime,
		SYS_timer_delete, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn,
	};
	static const int trapped[] = {SYS_openat, SYS_readlink};

	split_files__answer_traps();
	return worker_sandbox__shut(&(struct worker_needs){
		.data_bytes = memory_bytes + FILES_BYTES,
		.descriptors = DESCRIPTORS,
		.calls = calls,
		.call_count = sizeof(calls) / sizeof(*calls),
		.trapped = trapped,
		.trapped_count = sizeof(trapped) / sizeof(*trapped),
	});
}

/* The process ends with it: nothing is freed. */
void worker__run(int socket, size_t memory_bytes)
{
	struct worker *worker = new_worker(socket);

	if (worker && !shut(memory_bytes))
		serve(worker);
}
