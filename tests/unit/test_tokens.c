// SPDX-License-Identifier: Apache-2.0
/* Files of tokens, and headers that have one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "serve/tokens.h"

#define OLD "old-token-of-22-bytes!"
#define NEW "the:new/token+with==marks"

static char folder[] = "/tmp/exoprof-test-XXXXXX";
static char file[64], why[256];

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(file, sizeof(file), "%s/tokens", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(file);
	return rmdir(folder);
}

static void write_file(const char *text, mode_t mode)
{
	FILE *out;

	unlink(file);
	out = fopen(file, "w");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
	assert_int_equal(chmod(file, mode), 0);
}

static struct tokens *read_tokens(const char *text)
{
	struct tokens *tokens;

	write_file(text, 0600);
	tokens = tokens__read(file, why, sizeof(why));
	if (!tokens)
		fail_msg("%s", why);
	return tokens;
}

static void assert_refused(const char *text, mode_t mode, const char *reason)
{
	write_file(text, mode);
	*why = '\0';
	assert_null(tokens__read(file, why, sizeof(why)));
	if (!strstr(why, reason) || !strstr(why, file))
		fail_msg("no '%s' in '%s'", reason, why);
	/* Nor what is in it. */
	assert_null(strstr(why, "secret"));
}

static bool admits(const struct tokens *tokens, const char *header)
{
	size_t length = strlen(header);
	char *copy = malloc(length ?: 1);
	bool does;

	memcpy(copy, header, length);
	does = tokens__admit(tokens, copy, length);
	free(copy);
	return does;
}

static bool admits_password(const struct tokens *tokens, const char *credentials)
{
	char header[2048] = "Basic ";

	EVP_EncodeBlock((unsigned char *)header + strlen(header),
			(const unsigned char *)credentials, strlen(credentials));
	return admits(tokens, header);
}

static void any_of_a_files_tokens_lets_in(void **state)
{
	struct tokens *tokens = read_tokens(OLD "\n\n" NEW "\r\n");

	(void)state;
	assert_true(admits(tokens, "Bearer " OLD));
	assert_true(admits(tokens, "bearer   " NEW));
	assert_false(admits(tokens, "Bearer " OLD "x"));
	assert_false(admits(tokens, "Bearer old-token-of-22-bytes"));
	assert_false(admits(tokens, "Bearer " OLD " "));
	assert_false(admits(tokens, "Bearer"));
	assert_false(admits(tokens, "Bearer "));
	assert_false(admits(tokens, OLD));
	assert_false(admits(tokens, ""));
	assert_false(admits(tokens, "Digest " OLD));
	tokens__free(tokens);
}

static void it_may_be_the_password_of_anybody(void **state)
{
	struct tokens *tokens = read_tokens(OLD "\n" NEW);

	(void)state;
	assert_true(admits_password(tokens, "x:" OLD));
	assert_true(admits_password(tokens, "xy:" OLD));
	assert_true(admits_password(tokens, ":" OLD));
	assert_true(admits_password(tokens, "x:" NEW));
	assert_false(admits_password(tokens, OLD));
	assert_false(admits_password(tokens, OLD ":x"));
	assert_false(admits_password(tokens, OLD ":"));
	assert_false(admits_password(tokens, "x:"));
	assert_false(admits_password(tokens, "x:" OLD "y"));
	assert_false(admits(tokens, "Basic !!!!"));
	assert_false(admits(tokens, "Basic ===="));
	assert_false(admits(tokens, "Basic ="));
	assert_false(admits(tokens, "Basic "));
	tokens__free(tokens);
}

static void what_is_too_long_for_a_token_is_none(void **state)
{
	struct tokens *tokens = read_tokens(OLD);
	char header[8192] = "Basic ";

	(void)state;
	memset(header + strlen(header), 'A', sizeof(header) - strlen(header) - 1);
	header[sizeof(header) - 1] = '\0';
	assert_false(admits(tokens, header));
	tokens__free(tokens);
}

static void files_that_others_can_use_are_refused(void **state)
{
	(void)state;
	assert_refused(OLD, 0604, "chmod 600");
	assert_refused(OLD, 0602, "chmod 600");
	assert_refused(OLD, 0620, "chmod 600");
}

static void its_group_may_read_it(void **state)
{
	struct tokens *tokens;

	(void)state;
	write_file(OLD, 0440);
	tokens = tokens__read(file, why, sizeof(why));
	assert_non_null(tokens);
	assert_true(admits(tokens, "Bearer " OLD));
	tokens__free(tokens);
}

static void files_without_tokens_are_refused(void **state)
{
	char many[65 * 20 + 1] = "";

	(void)state;
	assert_refused("", 0600, "no token in it");
	assert_refused("\n\r\n\n", 0600, "no token in it");
	assert_refused("short-secret", 0600, "line 1");
	assert_refused(OLD "\nsecret with a blank in it\n", 0600, "line 2");
	assert_refused(OLD "\n\nsecret-secret-secret\xc3\xa9\n", 0600, "line 3");
	for (int i = 0; i < 65; i++)
		strcat(many, "secret-secret-secre\n");
	assert_refused(many, 0600, "more than 64");
	unlink(file);
	assert_null(tokens__read(file, why, sizeof(why)));
	assert_non_null(strstr(why, "No such file"));
	assert_null(tokens__read(folder, why, sizeof(why)));
	assert_non_null(strstr(why, "no regular file"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_of_a_files_tokens_lets_in),
		cmocka_unit_test(it_may_be_the_password_of_anybody),
		cmocka_unit_test(what_is_too_long_for_a_token_is_none),
		cmocka_unit_test(files_that_others_can_use_are_refused),
		cmocka_unit_test(its_group_may_read_it),
		cmocka_unit_test(files_without_tokens_are_refused),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
