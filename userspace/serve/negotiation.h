/* SPDX-License-Identifier: Apache-2.0 */
/* What a client's headers say, such as what it can take (RFC 9110, 12.5). Pure. */
#ifndef EXOPROF_NEGOTIATION_H
#define EXOPROF_NEGOTIATION_H

#include <stdbool.h>
#include <stddef.h>

/* Whether an Accept-Encoding header lets gzip be sent: by its name, else by a "*"; not with q=0. */
bool negotiation__accepts_gzip(const char *header, size_t length);

/* Whether an If-None-Match header has that entity tag, or "*"; by the weak comparison (8.8.3.2). */
bool negotiation__has_etag(const char *header, size_t length, const char *etag);

/* Whether an Origin header ("http://localhost:6060") has the host and port of a Host header. */
bool negotiation__is_of_host(const char *origin, size_t origin_length, const char *host,
			     size_t host_length);

/* The media type of an Accept header that names exactly one, without its parameters and in lower
 * case. False where it names several, none, or one with a "*": that says nothing. */
bool negotiation__only_type(const char *header, size_t length, char *type, size_t size);

#endif
