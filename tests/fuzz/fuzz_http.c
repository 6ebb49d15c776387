// SPDX-License-Identifier: Apache-2.0
/* Any bytes as what a client says, its parts between NULs: a query, and the headers Accept,
 * Accept-Encoding, Origin, Host and If-None-Match. No crash; what is taken is in bounds, what is
 * refused has a reason. */
#include <ctype.h>

#include "export/export.h"
#include "profile/kind.h"
#include "replay.h"
#include "serve/addresses.h"
#include "serve/negotiation.h"
#include "serve/profile_query.h"
#include "serve/query.h"

enum part {
	QUERY,
	ACCEPT,
	ENCODING,
	ORIGIN,
	HOST,
	ETAGS,
	PARTS,
};

/* Each in memory of its own size, so that reading behind it is seen. */
struct words {
	char *text[PARTS];
	size_t length[PARTS];
};

static void split(struct words *words, const uint8_t *data, size_t size)
{
	for (int i = 0; i < PARTS; i++) {
		const uint8_t *end = i < PARTS - 1 ? memchr(data, '\0', size) : NULL;
		size_t length = end ? (size_t)(end - data) : size;

		words->length[i] = length;
		words->text[i] = malloc(length ? length : 1);
		check(words->text[i], "there is memory");
		memcpy(words->text[i], data, length);
		data += length + (end != NULL);
		size -= length + (end != NULL);
	}
}

static void check_profile_query(const struct words *words, const struct profile_path *path)
{
	struct client_words said = {
		.query = words->text[QUERY],
		.query_length = words->length[QUERY],
		.accept = words->length[ACCEPT] ? words->text[ACCEPT] : NULL,
		.accept_length = words->length[ACCEPT],
	};
	struct profile_query query;
	char why[256] = "";
	int status = profile_query__read(&query, path, &said, why, sizeof(why));

	check(!status || (status >= 400 && status < 500 && *why), "a refusal has a reason");
	if (status)
		return;
	check(query.request.format && query.request.kind == path->kind, "it has a format");
	check(query.request.seconds <= 86400, "nothing takes longer than a day");
	check(strnlen(query.request.thread, sizeof(query.request.thread)) <
		      sizeof(query.request.thread),
	      "a thread's name has an end");
}

static void check_query(const struct words *words)
{
	static const char *const names[] = {"seconds", "format", "thread", "", "a b"};
	size_t count = 0;
	uint64_t *addresses;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char value[16];
		long number = 0;

		if (!query__get(words->text[QUERY], words->length[QUERY], names[i], value,
				sizeof(value)))
			continue;
		check(strnlen(value, sizeof(value)) < sizeof(value), "a value has an end");
		query__integer(value, &number);
	}
	addresses = addresses__read(words->text[QUERY], words->length[QUERY], &count);
	check(addresses && count <= words->length[QUERY], "an address takes a byte");
	for (size_t i = 0; i < count; i++)
		check(addresses[i] != 0, "no address is 0");
	free(addresses);
}

static void check_headers(const struct words *words)
{
	char type[24];

	negotiation__accepts_gzip(words->text[ENCODING], words->length[ENCODING]);
	negotiation__has_etag(words->text[ETAGS], words->length[ETAGS], "\"0123456789abcdef\"");
	if (negotiation__is_of_host(words->text[ORIGIN], words->length[ORIGIN], words->text[HOST],
				    words->length[HOST]))
		check(words->length[ORIGIN] > words->length[HOST], "an origin has a scheme, too");
	if (!negotiation__only_type(words->text[ACCEPT], words->length[ACCEPT], type, sizeof(type)))
		return;
	check(strnlen(type, sizeof(type)) < sizeof(type) && *type, "a type has an end");
	for (const char *at = type; *at; at++)
		check(*at != '*' && *at != ',' && !isupper((unsigned char)*at),
		      "it is one, in lower case");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct profile_path paths[] = {
		{.kind = &profile_kind_cpu},
		{			   .kind = &profile_kind_heap                        },
		{ .kind = &profile_kind_block,                         .since_last = true},
		{		     .kind = &profile_kind_goroutine,                         .format = "flamegraph"},
	};
	struct words words;

	split(&words, data, size);
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		check_profile_query(&words, &paths[i]);
	check_query(&words);
	check_headers(&words);
	for (int i = 0; i < PARTS; i++)
		free(words.text[i]);
	return 0;
}
