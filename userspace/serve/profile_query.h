/* SPDX-License-Identifier: Apache-2.0 */
/* What a request for a profile asks for, by its path and its parameters. Pure. */
#ifndef EXOPROF_PROFILE_QUERY_H
#define EXOPROF_PROFILE_QUERY_H

#include <stdbool.h>
#include <stddef.h>

#include "agent.h"

/* What the path says. */
struct profile_path {
	const struct profile_kind *kind;
	const char *format; /* of the answer where none is asked for; NULL: pprof */
	const char *file;   /* what a client saves it as; NULL: the kind's name */
	bool since_last;    /* what came since the last request of this path */
};

/* What the client says. Nothing here ends with a NUL. */
struct client_words {
	const char *query;
	size_t query_length;
	const char *accept; /* its Accept header; NULL: none, or several */
	size_t accept_length;
};

struct profile_query {
	struct agent_request request;
	bool is_delta;  /* the difference between two snapshots that Go would take */
	bool by_accept; /* another Accept header could have had another answer */
};

/* 0, or the HTTP status of a refusal with its reason in `why`. */
int profile_query__read(struct profile_query *query, const struct profile_path *path,
			const struct client_words *words, char *why, size_t why_size);

#endif
