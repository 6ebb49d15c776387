/* SPDX-License-Identifier: Apache-2.0 */
/* Who may ask: places that other machines reach, tokens, names in Host headers, and what browsers
 * say of the page that asks. */
#ifndef EXOPROF_ACCESS_H
#define EXOPROF_ACCESS_H

#include <h2o.h>
#include <stdbool.h>

#include "serve/listener.h"

/* How many --allow-host there may be. */
#define ACCESS_HOSTS_MAX 32

struct access_options {
	bool allow_remote, is_insecure;
	const char *token_file; /* NULL: none */
	const char *hosts[ACCESS_HOSTS_MAX];
	size_t host_count;
};

struct access;

/* NULL with the reason in `why`. What `options` points to stays. */
struct access *access__open(const struct access_options *options, char *why, size_t why_size);

/* NULL is fine. */
void access__close(struct access *access);

/* Clients may call this server by the name that it listens at. */
void access__add_place(struct access *access, const struct listener *listener);

/* Whether anybody at all could come in, where others than this machine reach the place; the reason,
 * and what to do, in `why` then. */
bool access__is_open_to_all(const struct access *access, const struct listener *listener,
			    bool has_client_authority, char *why, size_t why_size);

bool access__has_tokens(const struct access *access);

/* Answers who may not ask. `is_public`: what nobody needs a token for. */
bool access__refuses(const struct access *access, h2o_req_t *req, bool is_public);

#endif
