// SPDX-License-Identifier: Apache-2.0
#include "serve/negotiation.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

struct text {
	const char *base;
	size_t length;
};

static struct text trim(struct text text)
{
	while (text.length && isspace((unsigned char)*text.base)) {
		text.base++;
		text.length--;
	}
	while (text.length && isspace((unsigned char)text.base[text.length - 1]))
		text.length--;
	return text;
}

/* Takes off what comes before the next separator. False at the end. */
static bool next(struct text *rest, char separator, struct text *part)
{
	const char *end;

	if (!rest->base)
		return false;
	end = memchr(rest->base, separator, rest->length);
	part->base = rest->base;
	part->length = end ? (size_t)(end - rest->base) : rest->length;
	rest->length -= part->length + (end != NULL);
	rest->base = end ? end + 1 : NULL;
	*part = trim(*part);
	return true;
}

static bool is(struct text text, const char *word)
{
	return text.length == strlen(word) && !strncasecmp(text.base, word, text.length);
}

/* "q=0", "q=0.0", "q=0.000". */
static bool is_refusal(struct text parameter)
{
	if (parameter.length < 3 || strncasecmp(parameter.base, "q=", 2))
		return false;
	for (size_t i = 2; i < parameter.length; i++) {
		if (parameter.base[i] != '0' && parameter.base[i] != '.')
			return false;
	}
	return true;
}

bool negotiation__accepts_gzip(const char *header, size_t length)
{
	struct text rest = {header, length}, item, name = {}, parameter;
	bool any = false;

	while (next(&rest, ',', &item)) {
		bool is_accepted = true;

		next(&item, ';', &name);
		while (next(&item, ';', &parameter)) {
			if (is_refusal(parameter))
				is_accepted = false;
		}
		if (is(name, "gzip") || is(name, "x-gzip"))
			return is_accepted;
		if (is(name, "*"))
			any = is_accepted;
	}
	return any;
}

static struct text without_weakness(struct text etag)
{
	size_t prefix = etag.length > 2 && !memcmp(etag.base, "W/", 2) ? 2 : 0;

	return (struct text){etag.base + prefix, etag.length - prefix};
}

/* Ours have no commas in them. */
bool negotiation__has_etag(const char *header, size_t length, const char *etag)
{
	struct text wanted = without_weakness((struct text){etag, strlen(etag)});
	struct text rest = {header, length}, item;

	while (next(&rest, ',', &item)) {
		item = without_weakness(item);
		if (is(item, "*") || (item.length == wanted.length &&
				      !memcmp(item.base, wanted.base, wanted.length)))
			return true;
	}
	return false;
}

bool negotiation__is_of_host(const char *origin, size_t origin_length, const char *host,
			     size_t host_length)
{
	const char *slashes = memmem(origin, origin_length, "://", 3);
	size_t length;

	if (!slashes)
		return false;
	length = origin + origin_length - (slashes + 3);
	return length && length == host_length && !strncasecmp(slashes + 3, host, length);
}

bool negotiation__only_type(const char *header, size_t length, char *type, size_t size)
{
	struct text rest = {header, length}, item, name;

	if (memchr(header, ',', length) || !next(&rest, ',', &item) || !next(&item, ';', &name))
		return false;
	if (!name.length || name.length >= size || memchr(name.base, '*', name.length))
		return false;
	for (size_t i = 0; i < name.length; i++)
		type[i] = tolower((unsigned char)name.base[i]);
	type[name.length] = '\0';
	return true;
}
