// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "base/say.h"
#include "commands.h"
#include "profile_file.h"

/* A format that has no names but those of the file, or no values below zero, says less than the
 * file: then it is said here. Speedscope's has none to be compared with either. */
static void say_losses(const struct profile *profile, const struct options *options)
{
	const char *path = options->inputs[0];
	bool is_scope = options->format->write == export_speedscope;
	size_t hidden = 0, nameless = 0;

	for (size_t i = 0; i < profile->sample_count; i++) {
		const struct profile_sample *sample = &profile->samples[i];

		hidden += sample->values[profile->shown_type] < 0 &&
			  (is_scope || !profile_sample__is_base(profile, sample));
	}
	for (size_t i = 0; i < profile->location_count; i++)
		nameless += !profile->locations[i].line_count;
	if (hidden && options->format->positive_only)
		say("%zu of the %zu samples of %s are below zero: they are left out", hidden,
		    profile->sample_count, path);
	if (nameless)
		say("%zu of the %zu locations of %s have no name (pprof -proto looks names up, "
		    "where the programs are)",
		    nameless, profile->location_count, path);
}

int convert_command(const struct options *options)
{
	const struct profile *profile;
	int status;

	profile_file__limit_memory();
	profile = profile_file__read(options->inputs[0], options->sample_index);
	if (!profile)
		return EXIT_FAILURE;
	if (options->format->write != export_pprof)
		say_losses(profile, options);
	status = profile_file__write(profile, options);
	profile__free(profile);
	return status;
}
