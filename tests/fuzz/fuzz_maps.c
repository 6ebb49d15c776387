// SPDX-License-Identifier: Apache-2.0
/* Any bytes as /proc/PID/maps: no crash, and what is read makes sense. */
#include <errno.h>

#include "target/maps.h"
#include "replay.h"

static int each(void *context, const struct map_line *line)
{
	size_t *size = context;

	check(line->start < line->end, "a mapping has a size");
	check(!line->path || strlen(line->path) < *size, "a path is no longer than its line");
	check(!line->path || *line->path, "no path is none");
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FILE *in = size ? fmemopen((void *)data, size, "r") : NULL;
	int err;

	if (!in)
		return 0;
	err = map_lines__parse(in, each, &size);
	check(!err || err == -EBADMSG, "a line is bad or it is not");
	fclose(in);
	return 0;
}
