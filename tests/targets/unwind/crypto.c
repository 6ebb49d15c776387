/* SPDX-License-Identifier: Apache-2.0 */
/* Time spent in libcrypto's assembly: crypto sha256|aes|gcm|chacha|rsa. */
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "chain.h"

#define BLOCK_BYTES 16384

static unsigned char in[BLOCK_BYTES], out[BLOCK_BYTES + 64];

static void fail(void)
{
	fprintf(stderr, "libcrypto says no\n");
	exit(1);
}

APART static void sha256(void)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	if (EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
		fail();
	say_ready();
	for (;;)
		EVP_DigestUpdate(context, in, sizeof(in));
}

APART static void encrypt_by(const EVP_CIPHER *cipher)
{
	static const unsigned char key[64], iv[16];
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int size;

	if (EVP_EncryptInit_ex(context, cipher, NULL, key, iv) != 1)
		fail();
	say_ready();
	for (;;)
		EVP_EncryptUpdate(context, out, &size, in, sizeof(in));
}

APART static void aes(void)
{
	encrypt_by(EVP_aes_128_cbc());
	STAY();
}

/* A message has at most 64 GiB, which take longer than any test. */
APART static void gcm(void)
{
	encrypt_by(EVP_aes_256_gcm());
	STAY();
}

APART static void chacha(void)
{
	encrypt_by(EVP_chacha20_poly1305());
	STAY();
}

APART static void rsa(void)
{
	EVP_PKEY *key = EVP_RSA_gen(2048);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	unsigned char signature[256];
	size_t size;

	if (EVP_PKEY_sign_init(context) != 1)
		fail();
	say_ready();
	for (;;) {
		size = sizeof(signature);
		if (EVP_PKEY_sign(context, signature, &size, in, 32) != 1)
			fail();
	}
}

#define INSIDE "*@libcrypto.so.3|libc.so.6"

static const struct {
	const char *name;
	void (*run)(void);
	const char *path; /* with the function that the program calls */
} kinds[] = {
	{"sha256", sha256, "sha256;/;EVP_DigestUpdate|SHA256_Update@libcrypto.so.3;" INSIDE},
	{"aes",    aes,    "aes;encrypt_by;/;EVP_EncryptUpdate@libcrypto.so.3;" INSIDE     },
	{"gcm",    gcm,    "gcm;encrypt_by;/;EVP_EncryptUpdate@libcrypto.so.3;" INSIDE     },
	{"chacha", chacha, "chacha;encrypt_by;/;EVP_EncryptUpdate@libcrypto.so.3;" INSIDE  },
	{"rsa",    rsa,    "rsa;/;EVP_PKEY_sign@libcrypto.so.3;" INSIDE                    },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (argc > 1 && strcmp(argv[1], kinds[i].name) != 0)
			continue;
		say_chain(START, kinds[i].path);
		kinds[i].run();
	}
	return 1;
}
