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

#define STATUS_BYTES 8192

/* False where it cannot be read. */
static bool read_status(const char *path, char status[STATUS_BYTES])
{
	FILE *in = fopen(path, "re");
	size_t size;

	if (!in)
		return false;
	size = fread(status, 1, STATUS_BYTES - 1, in);
	fclose(in);
	status[size] = '\0';
	return true;
}

const char *consent__refusal(pid_t pid)
{
	char path[64], status[STATUS_BYTES];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (!read_status(path, status))
		return "its status cannot be read";
	return *status ? consent__refusal_in(status) : "it has exited";
}

bool consent__is_filtered(pid_t pid, pid_t tid)
{
	char path[64], status[STATUS_BYTES];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", pid, tid);
	return !read_status(path, status) || number_in(status, "\nSeccomp:");
}
