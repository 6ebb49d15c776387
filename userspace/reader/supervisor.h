/* SPDX-License-Identifier: Apache-2.0 */
/* A worker (reader/nursery.h) as exoprof sees it: it may be whatever a hostile file has made of it.
 * It is started when it is needed, ended when it does not answer in time or talks nonsense, and
 * then started anew; how it ended is counted. What is said to it, and what its answers have to be,
 * is for who uses this to know. */
#ifndef EXOPROF_SUPERVISOR_H
#define EXOPROF_SUPERVISOR_H

#include "reader/message.h"
#include "reader/worker_ends.h"
#include "reader/worker_source.h"

struct supervisor;

/* The source (NULL: there are no workers) must outlive it. NULL with errno set. */
struct supervisor *supervisor__new(const struct worker_source *source);
void supervisor__free(struct supervisor *supervisor); /* NULL is fine */

/* Before a question: sees to it that there is a worker. 0; -ENOLINK: there is none, nor will there
 * be before supervisor__try_again(). */
int supervisor__be_ready(struct supervisor *supervisor);
void supervisor__try_again(struct supervisor *supervisor);

/* The number of the worker, which no other ever has; 0: there is none. */
uint64_t supervisor__worker(const struct supervisor *supervisor);

/* Until when it may take to answer: so long from now on, or so much longer. */
void supervisor__set_deadline(struct supervisor *supervisor, int64_t ms);
void supervisor__extend_deadline(struct supervisor *supervisor, int64_t ms);

/* What supervisor__send() sends, with the fd (-1: none), and supervisor__receive() fills. Both as
 * message__send() and message__receive(). */
struct message *supervisor__message(struct supervisor *supervisor);
int supervisor__send(struct supervisor *supervisor, int fd);
int supervisor__receive(struct supervisor *supervisor);

/* For an error of these, or -EBADMSG for what is no answer: ends the worker, and counts it. */
void supervisor__end(struct supervisor *supervisor, int err);

/* It is not needed for now. */
void supervisor__dismiss(struct supervisor *supervisor);

const struct worker_ends *supervisor__ends(const struct supervisor *supervisor);
void supervisor__usage(const struct supervisor *supervisor, struct worker_usage *usage);

#endif
