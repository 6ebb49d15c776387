// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a profile of another tool's: no crash, a reason where they are refused; what is read
 * has no index that leads nowhere, goes out in every format, and comes back the same. */
#include <errno.h>

#include "export/export.h"
#include "import/import.h"
#include "profile/diff.h"
#include "replay.h"

static void check_locations(const struct profile *profile)
{
	for (size_t i = 0; i < profile->location_count; i++) {
		const struct profile_location *location = &profile->locations[i];

		check(location->mapping == PROFILE_NO_MAPPING ||
			      location->mapping < profile->mapping_count,
		      "a location is in a mapping");
		check((size_t)location->first_line + location->line_count <= profile->line_count,
		      "a location has lines");
	}
	for (size_t i = 0; i < profile->line_count; i++)
		check(profile->lines[i].function < profile->function_count,
		      "a line is in a function");
	for (size_t i = 0; i < profile->function_count; i++)
		check(profile->functions[i].name < profile->string_count &&
			      profile->functions[i].system_name < profile->string_count &&
			      profile->functions[i].file < profile->string_count,
		      "a function has its strings");
}

static void check_samples(const struct profile *profile)
{
	for (size_t i = 0; i < profile->sample_count; i++) {
		const struct profile_sample *sample = &profile->samples[i];

		for (uint32_t j = 0; j < sample->depth; j++)
			check(sample->locations[j] < profile->location_count,
			      "a stack is of locations");
		for (uint32_t j = 0; j < sample->label_count; j++)
			check(sample->labels[j].key < profile->string_count &&
				      sample->labels[j].text < profile->string_count &&
				      sample->labels[j].unit < profile->string_count,
			      "a label has its strings");
	}
}

static void check_head(const struct profile *profile)
{
	check(profile->type_count && profile->type_count <= PROFILE_VALUES_MAX,
	      "there are types, and not too many");
	check(profile->shown_type < profile->type_count, "one of them is shown");
	check(profile->string_count && !*profile->strings[0], "the first string is empty");
	check(profile->default_sample_type < profile->string_count, "the default is a string");
	check(profile->drop_frames < profile->string_count &&
		      profile->keep_frames < profile->string_count,
	      "expressions are strings");
	for (size_t i = 0; i < profile->comment_count; i++)
		check(profile->comments[i] < profile->string_count, "a comment is a string");
}

static char *write_as(const struct profile *profile, const char *format, size_t *size)
{
	char *bytes = NULL;
	FILE *out = open_memstream(&bytes, size);

	check(out && !format__by_name(format)->write(profile, out), "every format takes it");
	fclose(out);
	return bytes;
}

/* The profile again, by way of a format. */
static const struct profile *again(const struct profile *profile, const char *format)
{
	char why[IMPORT_WHY_BYTES];
	size_t size;
	char *bytes = write_as(profile, format, &size);
	const struct profile *back = import__profile(bytes, size, NULL, why);

	free(bytes);
	return back;
}

static void check_pprof(const struct profile *profile)
{
	const struct profile *back = again(profile, "pprof");
	size_t size, back_size;
	char *bytes, *back_bytes;

	check(back, "what was written is read");
	check(profile__comparable(profile, back), "the types are the same");
	bytes = write_as(profile, "pprof", &size);
	back_bytes = write_as(back, "pprof", &back_size);
	check(size == back_size && !memcmp(bytes, back_bytes, size), "the bytes are the same");
	free(bytes);
	free(back_bytes);
	profile__free(back);
}

/* What comes back may be refused: weights that are rounded to doubles may not add up in 64 bits. */
static void check_speedscope(const struct profile *profile)
{
	const struct profile *back = again(profile, "speedscope");
	const struct profile *after = back ? back : profile;
	size_t size;

	free(write_as(after, "folded", &size));
	free(write_as(after, "flamegraph", &size));
	profile__free(back);
}

static void check_diff(const struct profile *profile)
{
	struct diff_options options = {.title = "", .normalize = true, .widths = DIFF_BEFORE};
	const struct profile *diff = profile__diff(profile, profile, &options);
	size_t size;

	check(diff, "it can be compared with itself");
	free(write_as(diff, "flamegraph", &size));
	free(write_as(diff, "folded", &size));
	free(write_as(diff, "text", &size));
	profile__free(diff);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[IMPORT_WHY_BYTES];
	const struct profile *profile = import__profile(data, size, NULL, why);

	if (!profile) {
		check(*why, "a reason is given");
		return 0;
	}
	check_head(profile);
	check_locations(profile);
	check_samples(profile);
	free(write_as(profile, "folded", &size));
	free(write_as(profile, "text", &size));
	check_pprof(profile);
	check_speedscope(profile);
	check_diff(profile);
	profile__free(profile);
	return 0;
}
