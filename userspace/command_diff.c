// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "commands.h"
#include "profile/diff.h"
#include "profile_file.h"

#define TYPES_BYTES 400

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void list_types(const struct profile *profile, char text[TYPES_BYTES])
{
	size_t used = 0;

	for (uint32_t i = 0; i < profile->type_count && used < TYPES_BYTES; i++)
		used += snprintf(text + used, TYPES_BYTES - used, "%s%s/%s", i ? ", " : "",
				 profile->strings[profile->types[i].type],
				 profile->strings[profile->types[i].unit]);
}

static int refuse_pair(const struct options *options, const struct profile *before,
		       const struct profile *after)
{
	char before_types[TYPES_BYTES], after_types[TYPES_BYTES];

	list_types(before, before_types);
	list_types(after, after_types);
	return fail("cannot compare them, they are not of one kind: %s has %s, %s has %s",
		    options->inputs[0], before_types, options->inputs[1], after_types);
}

static int write_diff(const struct options *options, const struct profile *before,
		      const struct profile *after)
{
	struct diff_options wanted = {
		.normalize = options->normalize,
		.widths = options->reverse ? DIFF_BEFORE : DIFF_AFTER,
	};
	const struct profile *diff;
	char title[512];
	int status;

	if (!profile__comparable(before, after))
		return refuse_pair(options, before, after);
	snprintf(title, sizeof(title), "%s → %s", base_name(options->inputs[0]),
		 base_name(options->inputs[1]));
	wanted.title = title;
	diff = profile__diff(before, after, &wanted);
	if (!diff)
		return fail("cannot compare %s and %s: %s", options->inputs[0], options->inputs[1],
			    strerror(errno));
	status = profile_file__write(diff, options);
	profile__free(diff);
	return status;
}

int diff_command(const struct options *options)
{
	const struct profile *before, *after = NULL;
	int status = EXIT_FAILURE;

	profile_file__limit_memory();
	before = profile_file__read(options->inputs[0], options->sample_index);
	if (before)
		after = profile_file__read(options->inputs[1], options->sample_index);
	if (after)
		status = write_diff(options, before, after);
	profile__free(before);
	profile__free(after);
	return status;
}
