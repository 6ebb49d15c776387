// SPDX-License-Identifier: Apache-2.0
#include "serve/host.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

/* As long as DNS has names (RFC 1035), with what is behind the last dot. */
#define NAME_MAX_BYTES 256

/* Without the port, the brackets and the dot at the end of a name that is whole. */
static bool read_name(const char *authority, size_t length, char name[NAME_MAX_BYTES])
{
	const char *end = authority + length, *colon;

	if (length && *authority == '[') {
		authority++;
		end = memchr(authority, ']', length - 1);
	} else {
		colon = memchr(authority, ':', length);
		end = colon ?: end;
		if (end > authority && end[-1] == '.')
			end--;
	}
	if (!end || end == authority || end - authority >= NAME_MAX_BYTES)
		return false;
	memcpy(name, authority, end - authority);
	name[end - authority] = '\0';
	return true;
}

static bool is_address(const char *name)
{
	unsigned char address[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

static bool is_localhost(const char *name)
{
	static const char local[] = "localhost";
	size_t length = strlen(name), local_length = strlen(local);

	return length >= local_length && !strcasecmp(name + length - local_length, local) &&
	       (length == local_length || name[length - local_length - 1] == '.');
}

bool host__is_ours(const char *authority, size_t length, const char *const *names, size_t count)
{
	char name[NAME_MAX_BYTES];

	if (!read_name(authority, length, name))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!strcasecmp(name, names[i]))
			return true;
	}
	return is_address(name) || is_localhost(name);
}
