// SPDX-License-Identifier: Apache-2.0
#include "reader/supervisor.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

struct supervisor {
	const struct worker_source *source; /* NULL: there is none */
	int socket;                         /* -1: no worker */
	uint64_t started;                   /* workers, so far */
	int64_t deadline_ms;
	bool is_unavailable;
	struct message message;
	struct worker_ends ends;
};

struct supervisor *supervisor__new(const struct worker_source *source)
{
	struct supervisor *supervisor = calloc(1, sizeof(*supervisor));

	if (!supervisor)
		return NULL;
	supervisor->source = source;
	supervisor->socket = -1;
	supervisor->message.fd = -1;
	return supervisor;
}

void supervisor__free(struct supervisor *supervisor)
{
	if (!supervisor)
		return;
	/* The worker ends when nobody can ask it any more, the nursery sees to it: who calls this
	 * may not give orders any longer (privilege/calls.c). */
	if (supervisor->socket >= 0)
		close(supervisor->socket);
	message__release(&supervisor->message);
	free(supervisor);
}

void supervisor__dismiss(struct supervisor *supervisor)
{
	if (supervisor->socket < 0)
		return;
	close(supervisor->socket);
	supervisor->socket = -1;
	/* Megabytes, perhaps. */
	message__release(&supervisor->message);
	supervisor->source->end(supervisor->source->context);
}

void supervisor__end(struct supervisor *supervisor, int err)
{
	enum worker_end end = err == -EPIPE       ? WORKER_DIED
			      : err == -ETIMEDOUT ? WORKER_HUNG
						  : WORKER_MALFORMED;

	supervisor->ends.counts[end]++;
	supervisor->ends.last = end;
	supervisor__dismiss(supervisor);
}

/* Between two questions: it has nothing to say, and if it is gone, that is no file's fault. */
static int look_after(const struct supervisor *supervisor)
{
	char byte;
	ssize_t got = recv(supervisor->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	if (got < 0 && errno == EAGAIN)
		return 0;
	return got > 0 ? -EBADMSG : -EPIPE;
}

int supervisor__be_ready(struct supervisor *supervisor)
{
	int err = supervisor->socket < 0 ? 0 : look_after(supervisor);

	if (err)
		supervisor__end(supervisor, err);
	if (supervisor->is_unavailable || !supervisor->source)
		return -ENOLINK;
	if (supervisor->socket >= 0)
		return 0;
	supervisor->socket = supervisor->source->start(supervisor->source->context);
	if (supervisor->socket < 0) {
		supervisor->socket = -1;
		supervisor->is_unavailable = true;
		return -ENOLINK;
	}
	supervisor->started++;
	return 0;
}

void supervisor__try_again(struct supervisor *supervisor)
{
	supervisor->is_unavailable = false;
}

uint64_t supervisor__worker(const struct supervisor *supervisor)
{
	return supervisor->socket < 0 ? 0 : supervisor->started;
}

void supervisor__set_deadline(struct supervisor *supervisor, int64_t ms)
{
	supervisor->deadline_ms = clock__monotonic_ms() + ms;
}

void supervisor__extend_deadline(struct supervisor *supervisor, int64_t ms)
{
	supervisor->deadline_ms += ms;
}

struct message *supervisor__message(struct supervisor *supervisor)
{
	return &supervisor->message;
}

int supervisor__send(struct supervisor *supervisor, int fd)
{
	return message__send(&supervisor->message, supervisor->socket, fd, supervisor->deadline_ms);
}

int supervisor__receive(struct supervisor *supervisor)
{
	return message__receive(&supervisor->message, supervisor->socket, supervisor->deadline_ms);
}

const struct worker_ends *supervisor__ends(const struct supervisor *supervisor)
{
	return &supervisor->ends;
}

void supervisor__usage(const struct supervisor *supervisor, struct worker_usage *usage)
{
	*usage = (struct worker_usage){};
	if (supervisor->source)
		supervisor->source->usage(supervisor->source->context, usage);
}
