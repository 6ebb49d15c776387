// SPDX-License-Identifier: Apache-2.0
#include "serve/tls.h"

#include <h2o.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/say.h"

/* The first error is the cause; what follows is what came of it. */
static const char *reason(void)
{
	unsigned long error = ERR_peek_error();
	const char *text = ERR_SYSTEM_ERROR(error) ? strerror(ERR_GET_REASON(error))
						   : ERR_reason_error_string(error);

	return text ? text : "unknown error";
}

/* exoprof runs unattended: nobody is there to ask. */
static int no_password(char *buffer, int size, int for_writing, void *data)
{
	(void)buffer;
	(void)size;
	(void)for_writing;
	(void)data;
	return -1;
}

static bool use_certificate(SSL_CTX *context, const char *file)
{
	return SSL_CTX_use_certificate_chain_file(context, file) == 1;
}

static void check_is_private(const char *file)
{
	struct stat st;

	if (!stat(file, &st) && st.st_mode & (S_IRGRP | S_IROTH))
		say("--tls-key %s: others than its owner can read it (chmod 600 makes it private)",
		    file);
}

static bool use_key(SSL_CTX *context, const char *file)
{
	if (SSL_CTX_use_PrivateKey_file(context, file, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(context) != 1)
		return false;
	check_is_private(file);
	return true;
}

static bool use_client_authority(SSL_CTX *context, const char *file)
{
	STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(file);

	if (!names)
		return false;
	SSL_CTX_set_client_CA_list(context, names);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return SSL_CTX_load_verify_file(context, file) == 1;
}

static bool use_files(SSL_CTX *context, const struct tls_options *options, char *why,
		      size_t why_size)
{
	const struct {
		const char *option, *file, *expected;
		bool (*use)(SSL_CTX *context, const char *file);
	} files[] = {
		{"--tls-cert",      options->certificate,      "a certificate, its chain behind it",
		 use_certificate													},
		{"--tls-key",       options->key,              "the certificate's private key, without a password",
		 use_key														},
		{"--tls-client-ca", options->client_authority,
		 "certificates of those that sign clients' ones",                                                   use_client_authority},
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		if (!files[i].file || files[i].use(context, files[i].file))
			continue;
		snprintf(why, why_size, "cannot use %s %s: %s (a PEM file is expected, with %s)",
			 files[i].option, files[i].file, reason(), files[i].expected);
		return false;
	}
	return true;
}

SSL_CTX *tls__open(const struct tls_options *options, char *why, size_t why_size)
{
	static const unsigned char session_context[] = "exoprof";
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	if (!context) {
		snprintf(why, why_size, "cannot start TLS: %s", reason());
		return NULL;
	}
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	/* Of TLS 1.2 what has forward secrecy and authenticates as it encrypts, as HTTP/2 asks for
	 * (RFC 9113, 9.2.2); TLS 1.3 has nothing else. */
	if (SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1) {
		snprintf(why, why_size, "cannot start TLS: %s", reason());
		SSL_CTX_free(context);
		return NULL;
	}
	SSL_CTX_set_default_passwd_cb(context, no_password);
	/* Without one OpenSSL resumes no session of a client with a certificate. */
	SSL_CTX_set_session_id_context(context, session_context, sizeof(session_context));
	h2o_ssl_register_alpn_protocols(context, h2o_alpn_protocols);
	if (use_files(context, options, why, why_size))
		return context;
	SSL_CTX_free(context);
	return NULL;
}
