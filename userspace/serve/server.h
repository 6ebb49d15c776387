/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server: one event loop in a thread of its own. */
#ifndef EXOPROF_SERVER_H
#define EXOPROF_SERVER_H

#include "agent.h"

struct server;

/* Binds and listens at "HOST:PORT" (an empty host: every address; port 0: any free one). An fd, or
 * -errno with the reason in `why`. */
int server__listen(const char *address, char *why, size_t why_size);

/* "127.0.0.1:6060": where the socket really is. */
void server__address(int listen_fd, char *address, size_t size);

/* Serves the agent's profiles. Takes over the fd, also where it fails. NULL with errno set. */
struct server *server__start(int listen_fd, struct agent *agent);

/* Stops accepting, answers what is waiting with 503, and ends. NULL is fine. */
void server__stop(struct server *server);

#endif
