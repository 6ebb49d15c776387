/* SPDX-License-Identifier: Apache-2.0 */
/* What TLS connections are made with. */
#ifndef EXOPROF_TLS_H
#define EXOPROF_TLS_H

#include <openssl/types.h>
#include <stddef.h>

struct tls_options {
	const char *certificate; /* a file in PEM, its chain behind it; NULL: no TLS */
	const char *key;
	const char *client_authority; /* clients need a certificate of one of these; NULL: none */
};

/* TLS 1.2 or later, for HTTP/1.1 and HTTP/2. NULL with the reason in `why`. */
SSL_CTX *tls__open(const struct tls_options *options, char *why, size_t why_size);

#endif
