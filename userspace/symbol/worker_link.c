// SPDX-License-Identifier: Apache-2.0
#include "symbol/worker_link.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "reader/supervisor.h"
#include "symbol/found_message.h"

/* The largest files there are take some seconds until their first answer: 1 GiB of compressed DWARF
 * to decompress, 8,000,000 symbols to sort. */
#define ANSWER_MS  10000
/* All of a profile's. What takes longer is up to something. */
#define PROFILE_MS 120000

struct worker_link {
	struct supervisor *supervisor;
	uint64_t worker; /* the last one's number */
	int64_t answer_ms, left_ms;
	struct found found;
	size_t open_files, bytes; /* as that worker says */
};

struct worker_link *worker_link__new(const struct worker_source *source, int64_t answer_ms)
{
	struct worker_link *link = calloc(1, sizeof(*link));

	if (!link)
		return NULL;
	link->supervisor = supervisor__new(source);
	link->answer_ms = answer_ms ?: ANSWER_MS;
	link->left_ms = PROFILE_MS;
	if (link->supervisor)
		return link;
	free(link);
	return NULL;
}

void worker_link__free(struct worker_link *link)
{
	if (!link)
		return;
	supervisor__free(link->supervisor);
	free(link);
}

void worker_link__try_again(struct worker_link *link)
{
	supervisor__try_again(link->supervisor);
	link->left_ms = PROFILE_MS;
}

/* Sees to it that there is a worker. 0 or -ENOLINK. */
static int be_ready(struct worker_link *link)
{
	int err = link->left_ms > 0 ? supervisor__be_ready(link->supervisor) : -ENOLINK;

	if (supervisor__worker(link->supervisor) == link->worker)
		return err;
	link->worker = supervisor__worker(link->supervisor);
	link->open_files = 0;
	link->bytes = 0;
	return err;
}

static void set_deadline(struct worker_link *link)
{
	int64_t ms = link->answer_ms < link->left_ms ? link->answer_ms : link->left_ms;

	supervisor__set_deadline(link->supervisor, ms);
}

static int send_file(struct worker_link *link, struct linked_file *file)
{
	struct message *message = supervisor__message(link->supervisor);
	struct dwarf_place place = {};
	int err;

	if (file->sent_to == link->worker)
		return 0;
	if (file->companions)
		companions__place(file->companions, &place);
	message__begin(message, MESSAGE_OPEN);
	message__put_number(message, file->number);
	message__put_number(message, !file->companions);
	found_message__put_place(message, &place);
	err = supervisor__send(link->supervisor, file->fd);
	if (!err)
		file->sent_to = link->worker;
	return err;
}

static int send_question(struct worker_link *link, const struct worker_question *question)
{
	struct message *message = supervisor__message(link->supervisor);
	int err = send_file(link, question->file);

	if (err)
		return err;
	message__begin(message, MESSAGE_FIND);
	message__put_number(message, question->file->number);
	message__put_number(message, question->memory_bytes);
	message__put_number(message, question->count);
	for (size_t i = 0; i < question->count; i++)
		message__put_number(message, question->addresses[i]);
	return supervisor__send(link->supervisor, -1);
}

static int take_answers(struct worker_link *link, const struct worker_question *question,
			size_t *answered)
{
	struct message *message = supervisor__message(link->supervisor);

	while (!message__is_over(message)) {
		uint64_t address = message__take_number(message);
		bool is_known = message__take_number(message);

		if (!found_message__take(message, &link->found) || *answered == question->count ||
		    address != question->addresses[*answered])
			return -EBADMSG;
		/* Code does not begin behind what is in it. */
		if (link->found.function_vaddr > address)
			link->found.function_vaddr = address;
		question->answer(question->context, address, is_known ? &link->found : NULL);
		++*answered;
	}
	set_deadline(link);
	return 0;
}

static int find_file(struct worker_link *link, struct companions *companions,
		     struct dwarf_place *place)
{
	struct message *message = supervisor__message(link->supervisor);
	bool is_debug = message->type == MESSAGE_WANTS_DEBUG;
	bool of_debug = !is_debug && message__take_number(message);
	bool on_host = !is_debug && message__take_number(message);
	const char *path = message__take_text(message);
	uint64_t crc = is_debug ? message__take_number(message) : 0;

	int fd;

	if (!message__is_over(message) || !companions || crc > UINT32_MAX || (!is_debug && !path))
		return -EBADMSG;
	fd = is_debug ? companions__find_debug(companions, path, crc, place)
		      : companions__open_part(companions, of_debug, on_host, path);
	/* Some file systems say so of their own. */
	return fd == -EBADMSG ? -EIO : fd;
}

/* Opens what the worker wants to read besides. That takes our time, not its own. */
static int serve(struct worker_link *link, struct companions *companions)
{
	struct message *message = supervisor__message(link->supervisor);
	int64_t began_ms = clock__monotonic_ms();
	struct dwarf_place place = {};
	int fd = find_file(link, companions, &place);
	int err;

	if (fd == -EBADMSG)
		return fd;
	message__begin(message, MESSAGE_FILE);
	message__put_number(message, fd < 0 ? fd : 0);
	found_message__put_place(message, &place);
	supervisor__extend_deadline(link->supervisor, clock__monotonic_ms() - began_ms);
	err = supervisor__send(link->supervisor, fd);
	if (fd >= 0)
		close(fd);
	return err;
}

static int take_done(struct worker_link *link)
{
	struct message *message = supervisor__message(link->supervisor);
	uint64_t open_files = message__take_number(message);
	uint64_t bytes = message__take_number(message);

	if (!message__is_over(message))
		return -EBADMSG;
	link->open_files = open_files;
	link->bytes = bytes;
	return 0;
}

static int ask(struct worker_link *link, const struct worker_question *question, size_t *answered)
{
	int err = send_question(link, question);

	while (!err) {
		err = supervisor__receive(link->supervisor);
		if (err)
			break;
		switch (supervisor__message(link->supervisor)->type) {
		case MESSAGE_ANSWERS:
			err = take_answers(link, question, answered);
			break;
		case MESSAGE_WANTS_DEBUG:
		case MESSAGE_WANTS_PART:
			err = serve(link, question->file->companions);
			break;
		case MESSAGE_DONE:
			return *answered == question->count ? take_done(link) : -EBADMSG;
		default:
			err = -EBADMSG;
		}
	}
	return err;
}

int worker_link__ask(struct worker_link *link, const struct worker_question *question,
		     size_t *answered)
{
	int64_t began_ms = clock__monotonic_ms();
	int err;

	*answered = 0;
	err = be_ready(link);
	if (err)
		return err;
	set_deadline(link);
	err = ask(link, question, answered);
	link->left_ms -= clock__monotonic_ms() - began_ms;
	if (!err)
		return 0;
	supervisor__end(link->supervisor, err);
	/* All were answered, and then it ended: nothing is lost. */
	return *answered == question->count ? 0 : -EIO;
}

void worker_link__forget(struct worker_link *link, struct linked_file *file)
{
	struct message *message = supervisor__message(link->supervisor);
	int err;

	if (!file->sent_to || file->sent_to != supervisor__worker(link->supervisor))
		return;
	set_deadline(link);
	message__begin(message, MESSAGE_CLOSE);
	message__put_number(message, file->number);
	err = supervisor__send(link->supervisor, -1);
	if (err)
		supervisor__end(link->supervisor, err);
	file->sent_to = 0;
}

const char *worker_link__demangle(struct worker_link *link, const char *symbol)
{
	struct message *message = supervisor__message(link->supervisor);
	const char *name = NULL;
	int err;

	if (be_ready(link))
		return NULL;
	set_deadline(link);
	message__begin(message, MESSAGE_DEMANGLE);
	message__put_text(message, symbol);
	err = supervisor__send(link->supervisor, -1);
	if (!err)
		err = supervisor__receive(link->supervisor);
	if (!err) {
		name = message__take_text(message);
		if (message->type != MESSAGE_NAME || !message__is_over(message))
			err = -EBADMSG;
	}
	if (!err)
		return name && *name ? name : NULL;
	supervisor__end(link->supervisor, err);
	return NULL;
}

void worker_link__figures(const struct worker_link *link, struct worker_figures *figures)
{
	bool is_there = supervisor__worker(link->supervisor) != 0;

	*figures = (struct worker_figures){
		.ends = *supervisor__ends(link->supervisor),
		.open_files = is_there ? link->open_files : 0,
		.bytes = is_there ? link->bytes : 0,
	};
	supervisor__usage(link->supervisor, &figures->usage);
}
