/* SPDX-License-Identifier: Apache-2.0 */
/* The listening socket, the threads that serve it, and the signals that end it. */
#ifndef DEMO_SERVER_H
#define DEMO_SERVER_H

#include "options.h"

struct server;

/* Listens. NULL after a message on stderr. */
struct server *server__open(const struct options *options);
/* Serves until SIGINT or SIGTERM and drains. 0 or -errno, the latter after a message. */
int server__run(struct server *server);
void server__close(struct server *server); /* NULL is fine */

#endif
