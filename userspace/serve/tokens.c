// SPDX-License-Identifier: Apache-2.0
#include "serve/tokens.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* 16 characters of base64 are 96 bits. */
#define TOKEN_BYTES_MIN  16
#define TOKEN_BYTES_MAX  512
#define TOKENS_MAX       64
#define FILE_BYTES_MAX   (TOKENS_MAX * (TOKEN_BYTES_MAX + 2UL))

/* Of "user:password": a name of 255 bytes and the longest token. */
#define CREDENTIALS_MAX  (255UL + 1 + TOKEN_BYTES_MAX)
#define CREDENTIALS_TEXT (4 * ((CREDENTIALS_MAX + 2) / 3))

/* Hashes have one length, and what is compared tells nothing of what it was made of. */
struct tokens {
	size_t count;
	unsigned char hashes[TOKENS_MAX][SHA256_DIGEST_LENGTH];
};

/* 0 and an open file, or -errno with the reason in `why`. */
static int open_private(const char *file, char *why, size_t why_size)
{
	/* It may be a link, as Kubernetes has it; a FIFO must not keep us waiting. */
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		snprintf(why, why_size, "cannot read --token-file %s: %s", file, strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		snprintf(why, why_size, "cannot use --token-file %s: it is no regular file", file);
	} else if (st.st_mode & (S_IRWXO | S_IWGRP)) {
		snprintf(why, why_size,
			 "cannot use --token-file %s: others can read or change it (chmod 600 "
			 "makes it private)",
			 file);
	} else {
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -EACCES;
}

static bool is_token(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (!isgraph((unsigned char)text[i]))
			return false;
	}
	return length >= TOKEN_BYTES_MIN && length <= TOKEN_BYTES_MAX;
}

/* Never says what is on a line. */
static int add_line(struct tokens *tokens, const char *file, char *line, int number, char *why,
		    size_t why_size)
{
	size_t length = strcspn(line, "\r\n");

	if (!length)
		return 0;
	if (!is_token(line, length)) {
		snprintf(why, why_size,
			 "cannot use --token-file %s: line %d has no token, %d to %d characters "
			 "without blanks (openssl rand -base64 32 makes one)",
			 file, number, TOKEN_BYTES_MIN, TOKEN_BYTES_MAX);
		return -EINVAL;
	}
	if (tokens->count == TOKENS_MAX) {
		snprintf(why, why_size, "cannot use --token-file %s: it has more than %d tokens",
			 file, TOKENS_MAX);
		return -E2BIG;
	}
	SHA256((const unsigned char *)line, length, tokens->hashes[tokens->count++]);
	return 0;
}

static int read_lines(struct tokens *tokens, const char *file, char *text, char *why,
		      size_t why_size)
{
	char *line;
	int number = 0, err = 0;

	while (!err && (line = strsep(&text, "\n")))
		err = add_line(tokens, file, line, ++number, why, why_size);
	if (!err && !tokens->count) {
		snprintf(why, why_size,
			 "cannot use --token-file %s: there is no token in it (openssl rand "
			 "-base64 32 makes one)",
			 file);
		err = -EINVAL;
	}
	return err;
}

struct tokens *tokens__read(const char *file, char *why, size_t why_size)
{
	int fd = open_private(file, why, why_size), err = -ENOMEM;
	struct tokens *tokens = NULL;
	char *text = NULL;
	ssize_t size;

	if (fd < 0)
		return NULL;
	tokens = calloc(1, sizeof(*tokens));
	text = calloc(1, FILE_BYTES_MAX + 1);
	size = tokens && text ? read(fd, text, FILE_BYTES_MAX) : -1;
	if (size < 0)
		snprintf(why, why_size, "cannot read --token-file %s: %s", file, strerror(errno));
	else
		err = read_lines(tokens, file, text, why, why_size);
	if (text)
		OPENSSL_cleanse(text, FILE_BYTES_MAX);
	free(text);
	close(fd);
	if (!err)
		return tokens;
	tokens__free(tokens);
	return NULL;
}

void tokens__free(struct tokens *tokens)
{
	free(tokens);
}

/* Looks at all of them, whichever it is. */
static bool has(const struct tokens *tokens, const char *text, size_t length)
{
	unsigned char hash[SHA256_DIGEST_LENGTH];
	bool any = false;

	SHA256((const unsigned char *)text, length, hash);
	for (size_t i = 0; i < tokens->count; i++)
		any |= !CRYPTO_memcmp(hash, tokens->hashes[i], sizeof(hash));
	return any;
}

static bool has_password(const struct tokens *tokens, const char *text, size_t length)
{
	unsigned char decoded[CREDENTIALS_MAX + 3];
	const char *colon;
	int size;

	if (length > CREDENTIALS_TEXT)
		return false;
	size = EVP_DecodeBlock(decoded, (const unsigned char *)text, length);
	/* It counts what padding stands for. */
	for (size_t i = length; size > 0 && i && text[i - 1] == '=' && i > length - 2; i--)
		size--;
	colon = size > 0 ? memchr(decoded, ':', size) : NULL;
	return colon && has(tokens, colon + 1, (const char *)decoded + size - (colon + 1));
}

bool tokens__admit(const struct tokens *tokens, const char *header, size_t length)
{
	const struct {
		const char *scheme;
		bool (*check)(const struct tokens *tokens, const char *text, size_t length);
	} schemes[] = {
		{"Bearer ", has         },
		{"Basic ",  has_password},
	};

	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
		size_t used = strlen(schemes[i].scheme);

		if (length < used || strncasecmp(header, schemes[i].scheme, used))
			continue;
		while (used < length && header[used] == ' ')
			used++;
		return schemes[i].check(tokens, header + used, length - used);
	}
	return false;
}
