// SPDX-License-Identifier: Apache-2.0
#include "import/import.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/gunzip.h"
#include "import/reader.h"

/* How much of the bytes tells whether they are text. */
#define LOOK_BYTES 4096

int reading__refuse(struct reading *reading, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reading->why, IMPORT_WHY_BYTES, format, args);
	va_end(args);
	return -EBADMSG;
}

int reading__count_frames(struct reading *reading, uint64_t count)
{
	/* Neither sum is more than 64 bits: there are fewer than 2^32 locations in a stack. */
	reading->frame_count += count;
	if (reading->frame_count <= PROFILE_FRAMES_MAX)
		return 0;
	return reading__refuse(reading, "its stacks have more than %u frames, all in all",
			       PROFILE_FRAMES_MAX);
}

/* By name; else by number, as pprof has it. */
static size_t find_type(const struct type_names *types, size_t count, const char *wanted)
{
	unsigned long number;
	size_t i = 0;
	char *end;

	while (i < count && strcmp(types[i].type, wanted))
		i++;
	if (i < count)
		return i;
	errno = 0;
	number = strtoul(wanted, &end, 10);
	return end == wanted || *end || errno || number > count ? count : number;
}

static int refuse_index(struct reading *reading, const struct type_names *types, size_t count)
{
	char names[IMPORT_WHY_BYTES / 2] = "";
	size_t used = 0;

	for (size_t i = 0; i < count && used < sizeof(names); i++)
		used += snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "",
				 types[i].type);
	return reading__refuse(reading, "it has no sample type '%.64s', but %s",
			       reading->sample_index, names);
}

int reading__types(struct reading *reading, const struct type_names *types, size_t count,
		   size_t fallback)
{
	size_t shown = fallback;

	if (!count)
		return reading__refuse(reading, "it says of no sample type");
	if (count > PROFILE_VALUES_MAX)
		return reading__refuse(reading, "it has %zu sample types, and %d is the most",
				       count, PROFILE_VALUES_MAX);
	if (reading->sample_index)
		shown = find_type(types, count, reading->sample_index);
	if (shown >= count)
		return refuse_index(reading, types, count);
	for (size_t i = 0; i < count; i++)
		profile_builder__type(reading->builder, types[i].type, types[i].unit, i == shown);
	return 0;
}

static bool begins_with(const char *text, const char *start)
{
	return !strncmp(text, start, strlen(start));
}

/* Ours, by their beginnings. */
static bool is_note(const char *name)
{
	static const char *const notes[] = {
		"[truncated",        "[lost]",        "[no stack]",
		"[allocated before", "[short waits]", "[created before",
	};

	for (size_t i = 0; i < sizeof(notes) / sizeof(*notes); i++) {
		if (begins_with(name, notes[i]))
			return true;
	}
	return false;
}

/* Ours for what is no code, or has no name; "0x..." is what others show then. */
enum frame_kind reading__kind_of_name(const char *name)
{
	if (begins_with(name, "[kernel+0x"))
		return FRAME_KERNEL;
	if (!*name || begins_with(name, "0x") || !strcmp(name, "[unknown]") ||
	    (*name == '[' && strstr(name, "+0x")))
		return FRAME_UNKNOWN;
	return is_note(name) ? FRAME_NOTE : FRAME_CODE;
}

/* Protobuf has a byte that no text has within its first few: pprof's first message is a sample
 * type, whose first field has the tag 8. */
static bool is_text(const struct reading *reading)
{
	size_t looked = reading->size < LOOK_BYTES ? reading->size : LOOK_BYTES;

	for (size_t i = 0; i < looked; i++) {
		unsigned char c = reading->bytes[i];

		if (c == 0x7f || (c < ' ' && c != '\n' && c != '\r' && c != '\t'))
			return false;
	}
	return true;
}

static bool is_json(const struct reading *reading)
{
	size_t at = 0;

	while (at < reading->size && strchr(" \t\r\n", reading->bytes[at]) && reading->bytes[at])
		at++;
	return at < reading->size && reading->bytes[at] == '{';
}

/* What people have at hand that is another tool's to read. */
static const struct {
	const char *start;
	const char *what;
} others[] = {
	{"PERFILE2",      "perf's own data (perf script and stackcollapse-perf.pl fold it)"     },
	{"heap profile:", "a heap profile in pprof's old text format (pprof -proto converts it)"},
	{"heap_v2/",      "jemalloc's heap profile (jeprof reads it)"                           },
	{"\x7f"
	 "ELF",  "a program, not a profile"					    },
};

static int refuse_others(struct reading *reading)
{
	if (!reading->size)
		return reading__refuse(reading, "it is empty");
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		size_t length = strlen(others[i].start);

		if (reading->size >= length && !memcmp(reading->bytes, others[i].start, length))
			return reading__refuse(reading, "it is %s", others[i].what);
	}
	return 0;
}

static int read_plain(struct reading *reading)
{
	int err = refuse_others(reading);

	if (err)
		return err;
	if (!is_text(reading))
		return read_pprof(reading);
	return is_json(reading) ? read_speedscope(reading) : read_folded(reading);
}

static int read_any(struct reading *reading)
{
	unsigned char *inflated;
	int err;

	if (reading->size > IMPORT_BYTES_MAX)
		return reading__refuse(reading, "it has more than %u MiB", IMPORT_BYTES_MAX >> 20);
	if (!gunzip__is(reading->bytes, reading->size))
		return read_plain(reading);
	err = gunzip(reading->bytes, reading->size, IMPORT_BYTES_MAX, &inflated, &reading->size);
	if (err == -EFBIG)
		return reading__refuse(reading, "it inflates to more than %u MiB",
				       IMPORT_BYTES_MAX >> 20);
	if (err == -EBADMSG)
		return reading__refuse(reading, "its gzip data is damaged or cut off");
	if (err)
		return err;
	reading->bytes = inflated;
	err = read_plain(reading);
	free(inflated);
	return err;
}

static void say_facts(struct profile_builder *builder, const struct import_facts *facts)
{
	profile_builder__title(builder, facts->title);
	profile_builder__kind(builder, facts->kind);
	profile_builder__outcome(builder, &facts->outcome);
}

const struct profile *import__kept(const void *bytes, size_t size, const char *sample_index,
				   const struct import_facts *facts, char why[IMPORT_WHY_BYTES])
{
	struct reading reading = {
		.bytes = bytes,
		.size = size,
		.sample_index = sample_index,
		.builder = profile_builder__new(),
		.why = why,
	};
	const struct profile *profile = NULL;
	int err = reading.builder ? 0 : -ENOMEM;

	*why = '\0';
	if (!err)
		err = read_any(&reading);
	if (err) {
		profile_builder__free(reading.builder);
	} else {
		if (facts)
			say_facts(reading.builder, facts);
		profile = profile_builder__freeze(reading.builder);
		err = profile ? 0 : -errno;
	}
	if (err && !*why)
		snprintf(why, IMPORT_WHY_BYTES, "%s", strerror(-err));
	errno = -err;
	return profile;
}

const struct profile *import__profile(const void *bytes, size_t size, const char *sample_index,
				      char why[IMPORT_WHY_BYTES])
{
	return import__kept(bytes, size, sample_index, NULL, why);
}
