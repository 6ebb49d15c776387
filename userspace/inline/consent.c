// SPDX-License-Identifier: Apache-2.0
#include "inline/consent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long number_in(const char *status, const char *key)
{
	const char *found = strstr(status, key);

	return found ? strtol(found + strlen(key), NULL, 10) : 0;
}

/* Of the line with that key. */
static int has_word(const char *status, const char *key, const char *word)
{
	const char *line = strstr(status, key), *end, *found;

	if (!line)
		return 0;
	line += strlen(key);
	end = strchrnul(line, '\n');
	found = strstr(line, word);
	return found && found < end;
}

const char *consent__refusal_in(const char *status)
{
	if (number_in(status, "\nTracerPid:"))
		return "another process traces it";
	/* The mappings are made by calls of its own, which a filter may answer by a signal. */
	if (number_in(status, "\nSeccomp:"))
		return "it has a seccomp filter";
	/* A borrowed thread returns to where it was by an address that was never called from. */
	if (has_word(status, "\nx86_Thread_features:", "shstk"))
		return "it has a shadow stack";
	return NULL;
}

const char *consent__refusal(pid_t pid)
{
	char path[64], status[8192];
	size_t size;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	in = fopen(path, "re");
	if (!in)
		return "its status cannot be read";
	size = fread(status, 1, sizeof(status) - 1, in);
	fclose(in);
	status[size] = '\0';
	return size ? consent__refusal_in(status) : "it has exited";
}
