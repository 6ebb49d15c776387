// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "commands.h"
#include "profile_file.h"

int convert_command(const struct options *options)
{
	const struct profile *profile;
	int status;

	profile_file__limit_memory();
	profile = profile_file__read(options->inputs[0], options->sample_index);
	if (!profile)
		return EXIT_FAILURE;
	status = profile_file__write(profile, options);
	profile__free(profile);
	return status;
}
