// SPDX-License-Identifier: Apache-2.0
#include "symbol/worker_link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "symbol/found_message.h"
#include "symbol/message.h"

/* The largest files there are take some seconds until their first answer: 1 GiB of compressed DWARF
 * to decompress, 8,000,000 symbols to sort. */
#define ANSWER_MS  10000
/* All of a profile's. What takes longer is up to something. */
#define PROFILE_MS 120000

struct worker_link {
	const struct worker_source *source; /* NULL: there is none */
	int socket;                         /* -1: no worker */
	uint64_t worker;                    /* its number; counts up */
	int64_t answer_ms, deadline_ms, left_ms;
	bool is_unavailable;
	struct message message;
	struct found found;
	struct worker_figures figures;
};

struct worker_link *worker_link__new(const struct worker_source *source, int64_t answer_ms)
{
	struct worker_link *link = calloc(1, sizeof(*link));

	if (!link)
		return NULL;
	link->source = source;
	link->socket = -1;
	link->message.fd = -1;
	link->answer_ms = answer_ms ?: ANSWER_MS;
	worker_link__try_again(link);
	return link;
}

static void hang_up(struct worker_link *link)
{
	if (link->socket < 0)
		return;
	close(link->socket);
	link->socket = -1;
	link->figures.open_files = 0;
	link->figures.bytes = 0;
	link->source->end(link->source->context);
}

void worker_link__free(struct worker_link *link)
{
	if (!link)
		return;
	/* The worker ends when nobody can ask it any more, the nursery sees to it: who calls this
	 * may not give orders any longer (privilege/calls.c). */
	if (link->socket >= 0)
		close(link->socket);
	message__release(&link->message);
	free(link);
}

void worker_link__try_again(struct worker_link *link)
{
	link->is_unavailable = false;
	link->left_ms = PROFILE_MS;
}

/* Of an error of message__send() and its kin. */
static void end_worker(struct worker_link *link, int err)
{
	enum worker_end end = err == -EPIPE       ? WORKER_DIED
			      : err == -ETIMEDOUT ? WORKER_HUNG
						  : WORKER_MALFORMED;

	link->figures.ends[end]++;
	link->figures.last = end;
	hang_up(link);
}

/* Between two questions: it has nothing to say, and if it is gone, that is no file's fault. */
static int look_after(struct worker_link *link)
{
	char byte;
	ssize_t got = recv(link->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	if (got < 0 && errno == EAGAIN)
		return 0;
	return got > 0 ? -EBADMSG : -EPIPE;
}

/* Sees to it that there is a worker. 0 or -ENOLINK. */
static int be_ready(struct worker_link *link)
{
	int err = link->socket < 0 ? 0 : look_after(link);

	if (err)
		end_worker(link, err);
	if (link->left_ms <= 0 || link->is_unavailable || !link->source)
		return -ENOLINK;
	if (link->socket >= 0)
		return 0;
	link->socket = link->source->start(link->source->context);
	if (link->socket < 0) {
		link->socket = -1;
		link->is_unavailable = true;
		return -ENOLINK;
	}
	link->worker++;
	return 0;
}

static void set_deadline(struct worker_link *link)
{
	int64_t ms = link->answer_ms < link->left_ms ? link->answer_ms : link->left_ms;

	link->deadline_ms = clock__monotonic_ms() + ms;
}

static int tell(struct worker_link *link, int fd)
{
	return message__send(&link->message, link->socket, fd, link->deadline_ms);
}

static int send_file(struct worker_link *link, struct linked_file *file)
{
	struct dwarf_place place = {};
	int err;

	if (file->sent_to == link->worker)
		return 0;
	if (file->companions)
		companions__place(file->companions, &place);
	message__begin(&link->message, MESSAGE_OPEN);
	message__put_number(&link->message, file->number);
	message__put_number(&link->message, !file->companions);
	found_message__put_place(&link->message, &place);
	err = tell(link, file->fd);
	if (!err)
		file->sent_to = link->worker;
	return err;
}

static int send_question(struct worker_link *link, const struct worker_question *question)
{
	int err = send_file(link, question->file);

	if (err)
		return err;
	message__begin(&link->message, MESSAGE_FIND);
	message__put_number(&link->message, question->file->number);
	message__put_number(&link->message, question->memory_bytes);
	message__put_number(&link->message, question->count);
	for (size_t i = 0; i < question->count; i++)
		message__put_number(&link->message, question->addresses[i]);
	return tell(link, -1);
}

static int take_answers(struct worker_link *link, const struct worker_question *question,
			size_t *answered)
{
	struct message *message = &link->message;

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
	struct message *message = &link->message;
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
	int64_t began_ms = clock__monotonic_ms();
	struct dwarf_place place = {};
	int fd = find_file(link, companions, &place);
	int err;

	if (fd == -EBADMSG)
		return fd;
	message__begin(&link->message, MESSAGE_FILE);
	message__put_number(&link->message, fd < 0 ? fd : 0);
	found_message__put_place(&link->message, &place);
	link->deadline_ms += clock__monotonic_ms() - began_ms;
	err = tell(link, fd);
	if (fd >= 0)
		close(fd);
	return err;
}

static int take_done(struct worker_link *link)
{
	uint64_t open_files = message__take_number(&link->message);
	uint64_t bytes = message__take_number(&link->message);

	if (!message__is_over(&link->message))
		return -EBADMSG;
	link->figures.open_files = open_files;
	link->figures.bytes = bytes;
	return 0;
}

static int ask(struct worker_link *link, const struct worker_question *question, size_t *answered)
{
	int err = send_question(link, question);

	while (!err) {
		err = message__receive(&link->message, link->socket, link->deadline_ms);
		if (err)
			break;
		switch (link->message.type) {
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
	end_worker(link, err);
	/* All were answered, and then it ended: nothing is lost. */
	return *answered == question->count ? 0 : -EIO;
}

void worker_link__forget(struct worker_link *link, struct linked_file *file)
{
	int err;

	if (link->socket < 0 || file->sent_to != link->worker)
		return;
	set_deadline(link);
	message__begin(&link->message, MESSAGE_CLOSE);
	message__put_number(&link->message, file->number);
	err = tell(link, -1);
	if (err)
		end_worker(link, err);
	file->sent_to = 0;
}

const char *worker_link__demangle(struct worker_link *link, const char *symbol)
{
	const char *name = NULL;
	int err;

	if (be_ready(link))
		return NULL;
	set_deadline(link);
	message__begin(&link->message, MESSAGE_DEMANGLE);
	message__put_text(&link->message, symbol);
	err = tell(link, -1);
	if (!err)
		err = message__receive(&link->message, link->socket, link->deadline_ms);
	if (!err) {
		name = message__take_text(&link->message);
		if (link->message.type != MESSAGE_NAME || !message__is_over(&link->message))
			err = -EBADMSG;
	}
	if (!err)
		return name && *name ? name : NULL;
	end_worker(link, err);
	return NULL;
}

void worker_link__figures(const struct worker_link *link, struct worker_figures *figures)
{
	*figures = link->figures;
	if (link->source)
		link->source->usage(link->source->context, &figures->usage);
}
