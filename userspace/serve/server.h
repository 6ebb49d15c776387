/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server: one event loop in a thread of its own. */
#ifndef EXOPROF_SERVER_H
#define EXOPROF_SERVER_H

#include "agent.h"
#include "serve/access.h"
#include "serve/tls.h"

/* How many --listen there may be. */
#define SERVER_PLACES_MAX 8

struct server_options {
	const char *places[SERVER_PLACES_MAX]; /* see listener.h */
	size_t place_count;
	struct tls_options tls; /* for what is not a unix socket */
	struct access_options access;
	unsigned int profiles_max; /* that take time, at once */
};

struct server;

/* Listens at all places; nobody is answered yet. Before there are threads. NULL with the reason in
 * `why`. */
struct server *server__open(const struct server_options *options, char *why, size_t why_size);

/* Serves the agent's profiles from now on. 0 or -errno. */
int server__start(struct server *server, struct agent *agent);

/* Where profiles are to be had: "http://127.0.0.1:6060/debug/pprof/ and unix:/run/exoprof.sock". */
void server__describe(const struct server *server, char *text, size_t size);

/* Stops accepting, answers what is waiting with 503, and ends. NULL is fine. */
void server__close(struct server *server);

#endif
