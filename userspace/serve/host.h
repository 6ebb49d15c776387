/* SPDX-License-Identifier: Apache-2.0 */
/* Whether what a request takes this server's name to be is ours. Pure. */
#ifndef EXOPROF_HOST_H
#define EXOPROF_HOST_H

#include <stdbool.h>
#include <stddef.h>

/* By a Host header or :authority, "NAME[:PORT]". A page of somebody else's whose name is made to
 * lead here ("DNS rebinding") has its browser send that name, and is of one origin with what it
 * reads then. It has none of these: an address, which no name server can make lead elsewhere;
 * localhost and what is below it, which browsers never ask a name server about (RFC 6761, 6.3); and
 * the names given, `count` of them. Ports do not matter, since the name decides. */
bool host__is_ours(const char *authority, size_t length, const char *const *names, size_t count);

#endif
