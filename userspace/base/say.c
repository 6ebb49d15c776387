// SPDX-License-Identifier: Apache-2.0
#include "base/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void say_list(const char *format, va_list args)
{
	char line[1024];

	/* In one piece: the target may write to the same terminal. */
	vsnprintf(line, sizeof(line), format, args);
	fprintf(stderr, "exoprof: %s\n", line);
}

void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_list(format, args);
	va_end(args);
}

int fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_list(format, args);
	va_end(args);
	return EXIT_FAILURE;
}
