// SPDX-License-Identifier: Apache-2.0
/* speedscope's own file format: frames are told once, and each value type is a "sampled" profile
 * beside the others, with stacks as lists of frames, root first. A frame is a function, with the
 * line where it begins, as in speedscope's reading of pprof: by the lines of the calls, one
 * function would be drawn as many. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>

#include "base/saturating.h"
#include "export/export.h"
#include "export/utf8.h"

#define SCHEMA       "https://www.speedscope.app/file-format-schema.json"
#define UNKNOWN_NAME "[unknown]"

struct writer {
	const struct profile *profile;
	yajl_gen gen;
	int err; /* the first one; sticks */
};

static void print(void *out, const char *text, size_t size)
{
	fwrite(text, 1, size, out);
}

static void keep(struct writer *writer, yajl_gen_status status)
{
	if (status != yajl_gen_status_ok && !writer->err)
		writer->err = -EIO;
}

/* What is well-formed is left as it is; JSON's escapes are the library's business. */
static void put_text(struct writer *writer, const char *text)
{
	/* A byte that is not well-formed becomes the three of a replacement character. */
	char *clean = malloc(strlen(text) * 3 + UTF8_BYTES_MAX);
	size_t size = 0;

	if (!clean) {
		writer->err = -ENOMEM;
		return;
	}
	while (*text)
		size += utf8__encode(utf8__take(&text), clean + size);
	keep(writer, yajl_gen_string(writer->gen, (const unsigned char *)clean, size));
	free(clean);
}

static void put_number(struct writer *writer, int64_t number)
{
	keep(writer, yajl_gen_integer(writer->gen, number));
}

static void put_member(struct writer *writer, const char *key, const char *text)
{
	put_text(writer, key);
	put_text(writer, text);
}

static void open_array(struct writer *writer, const char *key)
{
	put_text(writer, key);
	keep(writer, yajl_gen_array_open(writer->gen));
}

static void close_array(struct writer *writer)
{
	keep(writer, yajl_gen_array_close(writer->gen));
}

static void open_map(struct writer *writer)
{
	keep(writer, yajl_gen_map_open(writer->gen));
}

static void close_map(struct writer *writer)
{
	keep(writer, yajl_gen_map_close(writer->gen));
}

/* Frames have the numbers of the functions; one more is for what has none. */
static void put_frames(struct writer *writer)
{
	const struct profile *profile = writer->profile;

	put_text(writer, "shared");
	open_map(writer);
	open_array(writer, "frames");
	for (size_t i = 0; i < profile->function_count; i++) {
		const struct profile_function *function = &profile->functions[i];
		const char *name = profile->strings[function->name];

		open_map(writer);
		put_member(writer, "name", *name ? name : UNKNOWN_NAME);
		if (function->file)
			put_member(writer, "file", profile->strings[function->file]);
		if (function->start_line > 0) {
			put_text(writer, "line");
			put_number(writer, function->start_line);
		}
		close_map(writer);
	}
	open_map(writer);
	put_member(writer, "name", UNKNOWN_NAME);
	close_map(writer);
	close_array(writer);
	close_map(writer);
}

static void put_stack(struct writer *writer, const struct profile_sample *sample)
{
	const struct profile *profile = writer->profile;

	keep(writer, yajl_gen_array_open(writer->gen));
	if (!sample->depth)
		put_number(writer, profile->function_count);
	for (uint32_t i = sample->depth; i-- > 0;) {
		const struct profile_location *location = &profile->locations[sample->locations[i]];
		const struct profile_line *lines = &profile->lines[location->first_line];

		if (!location->line_count)
			put_number(writer, profile->function_count);
		for (uint32_t line = location->line_count; line-- > 0;)
			put_number(writer, lines[line].function);
	}
	close_array(writer);
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
static void put_type(struct writer *writer, uint32_t type)
{
	const struct profile *profile = writer->profile;

	open_map(writer);
	put_member(writer, "type", "sampled");
	put_member(writer, "name", profile->strings[profile->types[type].type]);
	put_member(writer, "unit", unit_name(profile->strings[profile->types[type].unit]));
	put_text(writer, "startValue");
	put_number(writer, 0);
	put_text(writer, "endValue");
	put_number(writer, total_of(profile, type));
	open_array(writer, "samples");
	for (size_t i = 0; i < profile->sample_count; i++) {
		if (profile->samples[i].values[type] > 0)
			put_stack(writer, &profile->samples[i]);
	}
	close_array(writer);
	open_array(writer, "weights");
	for (size_t i = 0; i < profile->sample_count; i++) {
		if (profile->samples[i].values[type] > 0)
			put_number(writer, profile->samples[i].values[type]);
	}
	close_array(writer);
	close_map(writer);
}

static void put_file(struct writer *writer)
{
	const struct profile *profile = writer->profile;

	open_map(writer);
	put_member(writer, "$schema", SCHEMA);
	if (profile->title)
		put_member(writer, "name", profile->strings[profile->title]);
	put_member(writer, "exporter", "exoprof");
	put_text(writer, "activeProfileIndex");
	put_number(writer, profile->shown_type);
	put_frames(writer);
	open_array(writer, "profiles");
	for (uint32_t i = 0; i < profile->type_count; i++)
		put_type(writer, i);
	close_array(writer);
	close_map(writer);
}

int export_speedscope(const struct profile *profile, FILE *out)
{
	struct writer writer = {.profile = profile, .gen = yajl_gen_alloc(NULL)};

	if (!writer.gen)
		return -ENOMEM;
	yajl_gen_config(writer.gen, yajl_gen_print_callback, print, out);
	put_file(&writer);
	yajl_gen_free(writer.gen);
	putc('\n', out);
	if (!writer.err && (fflush(out) || ferror(out)))
		writer.err = -EIO;
	return writer.err;
}
