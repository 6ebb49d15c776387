/* SPDX-License-Identifier: Apache-2.0 */
/* A worker that is played: whatever a hostile file may have made of it. */
#ifndef EXOPROF_THEATRE_H
#define EXOPROF_THEATRE_H

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reader/message.h"
#include "reader/worker_source.h"

/* What plays the worker: gets the question, and does its worst. */
typedef void play(int socket, struct message *question);

struct theatre {
	play *play, *encore; /* of the first worker, and of the others */
	enum message_type cue;
	pid_t pid;
	int started;
	struct worker_source source;
};

__attribute__((noreturn)) static void theatre__be_worker(const struct theatre *theatre, int socket)
{
	play *act = theatre->started ? theatre->encore : theatre->play;
	struct message question = {.fd = -1};

	while (!message__receive(&question, socket, INT64_MAX)) {
		if (question.type == theatre->cue)
			act(socket, &question);
	}
	message__release(&question);
	_exit(0);
}

static void theatre__end(void *context)
{
	struct theatre *theatre = context;

	if (!theatre->pid)
		return;
	kill(theatre->pid, SIGKILL);
	waitpid(theatre->pid, NULL, 0);
	theatre->pid = 0;
}

static int theatre__start(void *context)
{
	struct theatre *theatre = context;
	int ends[2];

	theatre__end(theatre);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	theatre->pid = fork();
	if (!theatre->pid) {
		close(ends[0]);
		theatre__be_worker(theatre, ends[1]);
	}
	close(ends[1]);
	theatre->started++;
	return ends[0];
}

static void theatre__tell_usage(void *context, struct worker_usage *usage)
{
	(void)context;
	*usage = (struct worker_usage){};
}

static inline void theatre__open(struct theatre *theatre, enum message_type cue, play *play)
{
	*theatre = (struct theatre){
		.play = play,
		.encore = play,
		.cue = cue,
		.source = {theatre__start, theatre__end, theatre__tell_usage, theatre},
	};
}

/* --- plays --- */

static void dies(int socket, struct message *question)
{
	(void)socket;
	(void)question;
	_exit(0);
}

static void hangs(int socket, struct message *question)
{
	(void)socket;
	(void)question;
	pause();
}

static void raves(int socket, struct message *question)
{
	char noise[4096];

	(void)question;
	memset(noise, 0xa5, sizeof(noise));
	while (send(socket, noise, sizeof(noise), MSG_NOSIGNAL) > 0)
		;
}

#endif
