/* SPDX-License-Identifier: Apache-2.0 */
/* The process that reads the targets' files: what is at an address of one. It may do nothing else,
 * and what a hostile file makes of it ends with it. */
#ifndef EXOPROF_WORKER_H
#define EXOPROF_WORKER_H

struct worker;

/* Opens what it needs for itself. NULL with errno set. */
struct worker *worker__new(int socket);
void worker__free(struct worker *worker); /* NULL is fine */

/* Answers what comes over the socket (symbol/message.h) until nobody is there. 0 or -errno. */
int worker__serve(struct worker *worker);

#endif
