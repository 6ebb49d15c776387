// SPDX-License-Identifier: Apache-2.0
/* speedscope's own file format: frames are told once, and each value type is a "sampled" profile
 * beside the others, with stacks as lists of frames, root first. A frame is a function, with the
 * line where it begins, as in speedscope's reading of pprof: by the lines of the calls, one
 * function would be drawn as many. */
#include <errno.h>
#include <string.h>

#include "base/saturating.h"
#include "export/export.h"
#include "export/json.h"

#define SCHEMA "https://www.speedscope.app/file-format-schema.json"

/* Frames have the numbers of the functions; one more is for what has none. */
static void put_frames(struct json *json, const struct profile *profile)
{
	json__member_map(json, "shared");
	json__member_array(json, "frames");
	for (size_t i = 0; i < profile->function_count; i++) {
		const struct profile_function *function = &profile->functions[i];
		const char *name = profile->strings[function->name];

		json__open_map(json);
		json__member(json, "name", *name ? name : UNKNOWN_NAME);
		if (function->file)
			json__member(json, "file", profile->strings[function->file]);
		if (function->start_line > 0)
			json__member_number(json, "line", function->start_line);
		json__close_map(json);
	}
	json__open_map(json);
	json__member(json, "name", UNKNOWN_NAME);
	json__close_map(json);
	json__close_array(json);
	json__close_map(json);
}

static void put_stack(struct json *json, const struct profile *profile,
		      const struct profile_sample *sample)
{
	json__open_array(json);
	if (!sample->depth)
		json__number(json, profile->function_count);
	for (uint32_t i = sample->depth; i-- > 0;) {
		const struct profile_location *location = &profile->locations[sample->locations[i]];
		const struct profile_line *lines = &profile->lines[location->first_line];

		if (!location->line_count)
			json__number(json, profile->function_count);
		for (uint32_t line = location->line_count; line-- > 0;)
			json__number(json, lines[line].function);
	}
	json__close_array(json);
}

/* Speedscope's units, and what they are called in profiles; it takes anything else for "none". */
static const char *unit_name(const char *unit)
{
	static const char *const units[] = {"nanoseconds", "microseconds", "milliseconds",
					    "seconds", "bytes"};

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (!strcmp(unit, units[i]))
			return units[i];
	}
	return "none";
}

static int64_t total_of(const struct profile *profile, uint32_t type)
{
	int64_t total = 0;

	for (size_t i = 0; i < profile->sample_count; i++) {
		int64_t value = profile->samples[i].values[type];

		if (value > 0)
			total = saturating__add(total, value);
	}
	return total;
}

/* What has no positive value has no width. */
static void put_type(struct json *json, const struct profile *profile, uint32_t type)
{
	json__open_map(json);
	json__member(json, "type", "sampled");
	json__member(json, "name", profile->strings[profile->types[type].type]);
	json__member(json, "unit", unit_name(profile->strings[profile->types[type].unit]));
	json__member_number(json, "startValue", 0);
	json__member_number(json, "endValue", total_of(profile, type));
	json__member_array(json, "samples");
	for (size_t i = 0; i < profile->sample_count; i++) {
		if (profile->samples[i].values[type] > 0)
			put_stack(json, profile, &profile->samples[i]);
	}
	json__close_array(json);
	json__member_array(json, "weights");
	for (size_t i = 0; i < profile->sample_count; i++) {
		if (profile->samples[i].values[type] > 0)
			json__number(json, profile->samples[i].values[type]);
	}
	json__close_array(json);
	json__close_map(json);
}

static void put_file(struct json *json, const struct profile *profile)
{
	json__open_map(json);
	json__member(json, "$schema", SCHEMA);
	if (profile->title)
		json__member(json, "name", profile->strings[profile->title]);
	json__member(json, "exporter", "exoprof");
	json__member_number(json, "activeProfileIndex", profile->shown_type);
	put_frames(json, profile);
	json__member_array(json, "profiles");
	for (uint32_t i = 0; i < profile->type_count; i++)
		put_type(json, profile, i);
	json__close_array(json);
	json__close_map(json);
}

int export_speedscope(const struct profile *profile, FILE *out)
{
	struct json *json = json__new(out);

	if (!json)
		return -errno;
	put_file(json, profile);
	return json__end(json);
}
