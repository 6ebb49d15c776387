/* SPDX-License-Identifier: Apache-2.0 */
/* make_text KIND FORMAT: writes a small profile made by hand to standard output, so that what pprof
 * reads of two formats of it can be compared. */
#include <stdio.h>
#include <string.h>

#include "export/export.h"
#include "profile/builder.h"

#define SAMPLES 40

static uint32_t add_frame(struct profile_builder *builder, uint32_t number)
{
	char name[32];
	struct profile_function function = {};
	struct profile_line line = {.line = number};

	snprintf(name, sizeof(name), "f%u(int, char const*)", number);
	function.name = profile_builder__string(builder, name);
	function.file = profile_builder__string(builder, number % 3 ? "/src/a b.c" : "");
	line.function = profile_builder__function(builder, &function);
	return profile_builder__location(builder, PROFILE_NO_MAPPING, 0x400000 + 16 * number,
					 FRAME_APP, &line, 1);
}

static void add_sample(struct profile_builder *builder, uint32_t number, bool is_count)
{
	int64_t values[PROFILE_VALUES_MAX] = {is_count ? 1 : number, 1000000007LL * number};
	uint32_t stack[8], depth = 0;
	char tid[16];
	struct profile_label labels[] = {
		{.key = profile_builder__string(builder,  "tid")                              },
		{ .key = profile_builder__string(builder, "state"),
		 .text = profile_builder__string(builder, number % 2 ? "running" : "sleeping")},
		{ .key = profile_builder__string(builder, "thread"),
		 .text = profile_builder__string(builder, "=: \"worker\" @ 0x1")},
	};

	snprintf(tid, sizeof(tid), "%u", 4000 + number);
	labels[0].text = profile_builder__string(builder, tid);
	for (; depth < 1 + number % 7; depth++)
		stack[depth] = add_frame(builder, number * depth % 11);
	if (number % 5 == 0)
		stack[depth++] = profile_builder__note(builder, "[truncated: read fault]");
	/* pprof adds up what is equal in stack and labels, and reads no labels of text. */
	profile_builder__sample(builder, stack, depth, values, is_count ? labels : labels + 2,
				is_count ? 3 : 1);
}

static const struct profile *make_profile(const char *kind)
{
	struct profile_builder *builder = profile_builder__new();
	bool is_wait = !strcmp(kind, "block") || !strcmp(kind, "mutex");
	uint32_t lost;

	if (!builder)
		return NULL;
	profile_builder__kind(builder, kind);
	profile_builder__type(builder, is_wait ? "contentions" : kind, "count", !is_wait);
	if (is_wait)
		profile_builder__type(builder, "delay", "nanoseconds", true);
	profile_builder__comment(builder, "1 @ 0x1");
	profile_builder__comment(builder, "--- a comment = 1");
	for (uint32_t i = 1; i <= SAMPLES; i++)
		add_sample(builder, i, !is_wait);
	lost = profile_builder__note(builder, "[lost]");
	profile_builder__sample(builder, &lost, 1, (int64_t[PROFILE_VALUES_MAX]){3, 5}, NULL, 0);
	return profile_builder__freeze(builder);
}

int main(int argc, char **argv)
{
	const struct format *format = argc == 3 ? format__by_name(argv[2]) : NULL;
	const struct profile *profile = format ? make_profile(argv[1]) : NULL;
	int err;

	if (!profile) {
		fprintf(stderr, "usage: make_text KIND FORMAT\n");
		return 2;
	}
	err = format->write(profile, stdout);
	profile__free(profile);
	return err ? 1 : 0;
}
