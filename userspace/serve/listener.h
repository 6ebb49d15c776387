/* SPDX-License-Identifier: Apache-2.0 */
/* A place where clients connect: an address of the network, or a unix socket. */
#ifndef EXOPROF_LISTENER_H
#define EXOPROF_LISTENER_H

#include <stdbool.h>
#include <stddef.h>

struct listener;

/* What is wrong with an address; NULL where nothing is. "HOST:PORT" (an empty host: every address;
 * port 0: any free one; IPv6 in brackets), "unix:PATH", or "unix:@NAME" in the abstract namespace,
 * which has no permissions. */
const char *listener__address_error(const char *address);

/* Whether an address that is right is a unix socket's. */
bool listener__address_is_unix(const char *address);

/* Binds and listens; with `allow_remote` where other machines may reach it, too. A unix socket that
 * nobody listens at any more is replaced, under a lock on PATH.lock, which is gone afterwards; a
 * new one is for exoprof's user alone. To be called before there are threads, for the umask. NULL
 * with the reason in `why`. */
struct listener *listener__open(const char *address, bool allow_remote, char *why, size_t why_size);

/* Closes it, and takes the unix socket's file away unless it is another one's by now. */
void listener__close(struct listener *listener);

/* Not blocking. Whoever takes it closes it. */
int listener__take_fd(struct listener *listener);

bool listener__is_unix(const struct listener *listener);

/* Whether it is a unix socket without a file, and so without permissions. */
bool listener__is_abstract(const struct listener *listener);

/* Whether others than this machine may reach it. */
bool listener__is_remote(const struct listener *listener);

/* The name or address that was given; empty where there was none. */
const char *listener__host(const struct listener *listener);

/* Where it really is: "127.0.0.1:6060", "unix:/run/exoprof.sock". */
const char *listener__place(const struct listener *listener);

#endif
