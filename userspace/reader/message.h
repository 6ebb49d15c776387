/* SPDX-License-Identifier: Apache-2.0 */
/* What exoprof and the processes that read the targets' files say to each other, over a stream
 * socket: a header, and so many bytes; perhaps a descriptor. Neither believes the other: a message
 * is of limited size, and what is taken out of it is within it. */
#ifndef EXOPROF_MESSAGE_H
#define EXOPROF_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The functions inlined at one address, each with two names of 64 KiB, are no more than that where
 * a compiler has written them. */
#define MESSAGE_MAX      (4U << 20)
/* Of a longer text, as no compiler writes it, so much is told. */
#define MESSAGE_TEXT_MAX 65536

enum message_type {
	/* To the reader for names. */
	MESSAGE_OPEN = 1, /* file, kind of file, place; the descriptor */
	MESSAGE_CLOSE,    /* file */
	MESSAGE_FIND,     /* file, memory, count, addresses */
	MESSAGE_DEMANGLE, /* name */
	MESSAGE_FILE,     /* what was asked for: -errno or 0, place; the descriptor */
	/* From it. */
	MESSAGE_ANSWERS,     /* count, answers: more will come */
	MESSAGE_DONE,        /* figures: to MESSAGE_FIND, when all are answered */
	MESSAGE_NAME,        /* to MESSAGE_DEMANGLE */
	MESSAGE_WANTS_DEBUG, /* name, CRC */
	MESSAGE_WANTS_PART,  /* of the debug file's, on the host, path */
	/* To the reader for unwind rows. */
	MESSAGE_READ_ROWS, /* the descriptor */
	/* From it. */
	MESSAGE_RULES, /* errno or 0, functions left out, number of rows, rules */
	MESSAGE_ROWS,  /* rows: until all are there */
};

/* Zeroed, but for the fd, which is -1: an empty one. One and the same serves many times. */
struct message {
	enum message_type type;
	uint8_t *bytes;
	size_t size, capacity;
	size_t at;   /* of what is taken next */
	int fd;      /* that came with it, the receiver's; -1: none */
	bool failed; /* memory was short, or more was to be taken than there is */
};

void message__release(struct message *message); /* its fd, too */

void message__begin(struct message *message, enum message_type type);
void message__put_number(struct message *message, uint64_t number);
void message__put_text(struct message *message, const char *text); /* NULL is another one than "" */

/* As they were put in. Once there is nothing more: zeros, and `failed`. */
uint64_t message__take_number(struct message *message);
const char *message__take_text(struct message *message);

/* Whether all was taken, and there was as much. */
bool message__is_over(const struct message *message);

/* The deadline is by clock__monotonic_ms(); INT64_MAX: none. `fd` (-1: none) goes with it. 0;
 * -EPIPE: nobody is there; -ETIMEDOUT; -EBADMSG: it is too large; or -errno. */
int message__send(struct message *message, int socket, int fd, int64_t deadline_ms);
int message__receive(struct message *message, int socket, int64_t deadline_ms);

#endif
