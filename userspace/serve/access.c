// SPDX-License-Identifier: Apache-2.0
#include "serve/access.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "serve/connections.h"
#include "serve/host.h"
#include "serve/reply.h"
#include "serve/request.h"
#include "serve/tokens.h"

/* --allow-host, --listen (SERVER_PLACES_MAX), and this machine's own. */
#define NAMES_MAX (ACCESS_HOSTS_MAX + 8 + 1)

struct access {
	const struct access_options *options;
	struct tokens *tokens; /* NULL: none are needed */
	const char *names[NAMES_MAX];
	size_t name_count;
	char own_name[256];
};

static void add_name(struct access *access, const char *name)
{
	if (*name && access->name_count < NAMES_MAX)
		access->names[access->name_count++] = name;
}

struct access *access__open(const struct access_options *options, char *why, size_t why_size)
{
	struct access *access = calloc(1, sizeof(*access));

	if (!access) {
		snprintf(why, why_size, "cannot start the server: out of memory");
		return NULL;
	}
	access->options = options;
	for (size_t i = 0; i < options->host_count; i++)
		add_name(access, options->hosts[i]);
	/* Who can make others believe that this machine's name is theirs has its network. */
	if (!gethostname(access->own_name, sizeof(access->own_name) - 1))
		add_name(access, access->own_name);
	if (!options->token_file)
		return access;
	access->tokens = tokens__read(options->token_file, why, why_size);
	if (access->tokens)
		return access;
	access__close(access);
	return NULL;
}

void access__close(struct access *access)
{
	if (!access)
		return;
	tokens__free(access->tokens);
	free(access);
}

void access__add_place(struct access *access, const struct listener *listener)
{
	add_name(access, listener__host(listener));
}

bool access__is_open_to_all(const struct access *access, const struct listener *listener,
			    bool has_client_authority, char *why, size_t why_size)
{
	if (!listener__is_remote(listener) || access->tokens || has_client_authority ||
	    access->options->is_insecure)
		return false;
	snprintf(why, why_size,
		 "cannot listen on %s with --allow-remote alone: whoever reaches it could read the "
		 "profiles (give --token-file, or --tls-client-ca with --tls-cert and --tls-key; "
		 "or --insecure, if that is what you want)",
		 listener__place(listener));
	return true;
}

bool access__has_tokens(const struct access *access)
{
	return access->tokens;
}

/* Over TLS the name has been decided already: a browser goes on only where the certificate has it.
 * A unix socket's clients are no browsers. No name at all (HTTP/1.0) is from none either; h2o puts
 * its own in its place. */
static bool has_foreign_host(const struct access *access, const h2o_req_t *req)
{
	if (connection__kind(req) != CONNECTION_PLAIN ||
	    req->authority.base == req->hostconf->authority.hostport.base)
		return false;
	return !host__is_ours(req->authority.base, req->authority.len, access->names,
			      access->name_count);
}

/* The file of a unix socket says by its mode who may connect, and that is exoprof's user; a name in
 * the abstract namespace has no mode. */
static bool lacks_token(const struct access *access, const h2o_req_t *req)
{
	ssize_t at;

	if (!access->tokens || connection__kind(req) == CONNECTION_UNIX_FILE)
		return false;
	at = h2o_find_header(&req->headers, H2O_TOKEN_AUTHORIZATION, -1);
	return at == -1 || !tokens__admit(access->tokens, req->headers.entries[at].value.base,
					  req->headers.entries[at].value.len);
}

static void refuse_host(h2o_req_t *req)
{
	reply__error(req, 421,
		     "this server goes by no such name (Host: %.*s): ask for it by its address, as "
		     "localhost, or start exoprof with --allow-host NAME",
		     (int)(req->authority.len < 100 ? req->authority.len : 100),
		     req->authority.base);
}

static void refuse_stranger(h2o_req_t *req)
{
	reply__header(req, "www-authenticate", "Bearer realm=\"exoprof\"");
	reply__header(req, "www-authenticate", "Basic realm=\"exoprof\", charset=\"UTF-8\"");
	reply__error(req, 401,
		     "a token is needed: send \"Authorization: Bearer TOKEN\", or give it as the "
		     "password, as in http://x:TOKEN@HOST:PORT/");
}

bool access__refuses(const struct access *access, h2o_req_t *req, bool is_public)
{
	if (has_foreign_host(access, req))
		refuse_host(req);
	else if (!is_public && lacks_token(access, req))
		refuse_stranger(req);
	else if (request__is_foreign(req))
		reply__error(req, 403,
			     "only for the page that exoprof itself serves: the request "
			     "is another page's");
	else
		return false;
	return true;
}
