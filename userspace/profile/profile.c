// SPDX-License-Identifier: Apache-2.0
#include "profile/profile.h"

#include <stdlib.h>
#include <string.h>

#include "base/saturating.h"

void profile_sample__release(const struct profile_sample *sample)
{
	free((void *)sample->locations);
	free((void *)sample->labels);
}

void profile__free(const struct profile *profile)
{
	if (!profile)
		return;
	for (size_t i = 0; i < profile->string_count; i++)
		free((void *)profile->strings[i]);
	for (size_t i = 0; i < profile->sample_count; i++)
		profile_sample__release(&profile->samples[i]);
	free((void *)profile->strings);
	free((void *)profile->mappings);
	free((void *)profile->functions);
	free((void *)profile->lines);
	free((void *)profile->locations);
	free((void *)profile->samples);
	free((void *)profile->comments);
	free((void *)profile);
}

uint64_t profile_sample__frames(const struct profile *profile, const struct profile_sample *sample)
{
	uint64_t depth = 0;

	for (uint32_t i = 0; i < sample->depth; i++) {
		uint32_t lines = profile->locations[sample->locations[i]].line_count;

		depth += lines ? lines : 1;
	}
	return depth ? depth : 1;
}

bool profile_sample__is_base(const struct profile *profile, const struct profile_sample *sample)
{
	for (uint32_t i = 0; i < sample->label_count; i++) {
		const struct profile_label *label = &sample->labels[i];

		if (!strcmp(profile->strings[label->key], PROFILE_BASE_KEY) &&
		    !strcmp(profile->strings[label->text], PROFILE_BASE_TEXT))
			return true;
	}
	return false;
}

int64_t profile__total(const struct profile *profile, uint32_t type)
{
	int64_t total = 0;

	for (size_t i = 0; i < profile->sample_count; i++)
		total = saturating__add(total, profile->samples[i].values[type]);
	return total;
}

const char *profile__line_name(const struct profile *profile, const struct profile_line *line)
{
	return profile->strings[profile->functions[line->function].name];
}
