// SPDX-License-Identifier: Apache-2.0
/* Folded stacks: "main;work;malloc 42", a line each, as Brendan Gregg's stackcollapse programs
 * write them. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "import/reader.h"

struct frames {
	uint32_t *items;
	size_t count, capacity;
};

struct folded_reading {
	struct reading *in;
	struct frames frames; /* of one line */
	size_t line_number;
};

/* What stackcollapse-perf.pl puts behind names with --annotate-kernel and --annotate-jit; what is
 * inlined, or woke, is not told apart here. */
static const struct {
	const char *ending;
	enum frame_kind kind;
} annotations[] = {
	{"_[k]", FRAME_KERNEL},
	{"_[j]", FRAME_JIT   },
	{"_[i]", FRAME_CODE  },
	{"_[w]", FRAME_CODE  },
};

static enum frame_kind take_kind(char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < sizeof(annotations) / sizeof(*annotations); i++) {
		if (length > 4 && !strcmp(name + length - 4, annotations[i].ending)) {
			name[length - 4] = '\0';
			return annotations[i].kind;
		}
	}
	return reading__kind_of_name(name);
}

static uint32_t add_frame(struct profile_builder *builder, char *name)
{
	enum frame_kind kind = take_kind(name);
	string_id text = profile_builder__string(builder, name);
	struct profile_line line = {
		.function = profile_builder__function(
			builder, &(struct profile_function){.name = text, .system_name = text}),
	};

	return profile_builder__location(builder, PROFILE_NO_MAPPING, 0, kind, &line, 1);
}

/* Leaf first from here on. */
static int add_stack(struct folded_reading *reading, char *stack, int64_t value)
{
	struct frames *frames = &reading->frames;
	char *frame;
	int err;

	frames->count = 0;
	while ((frame = strsep(&stack, ";"))) {
		if (array_append(&frames->items, &frames->count, &frames->capacity,
				 add_frame(reading->in->builder, frame)))
			return -ENOMEM;
	}
	err = reading__count_frames(reading->in, frames->count);
	if (err)
		return err;
	for (size_t i = 0; i < frames->count / 2; i++) {
		uint32_t other = frames->items[frames->count - 1 - i];

		frames->items[frames->count - 1 - i] = frames->items[i];
		frames->items[i] = other;
	}
	profile_builder__sample(reading->in->builder, frames->items, frames->count, &value, NULL,
				0);
	return 0;
}

/* A decimal number, perhaps with a fraction (flamegraph.pl takes them), and nothing else. */
static bool parse_value(const char *text, int64_t *value)
{
	const char *digits = text + (*text == '-');
	size_t whole = strspn(digits, "0123456789"), fraction = 0;

	if (digits[whole] == '.')
		fraction = 1 + strspn(digits + whole + 1, "0123456789");
	if (!whole || digits[whole + fraction])
		return false;
	errno = 0;
	*value = strtoll(text, NULL, 10);
	if (!errno && fraction)
		*value = llrint(strtod(text, NULL));
	return !errno;
}

static int read_line(struct folded_reading *reading, char *line)
{
	size_t length = strlen(line);
	char *space;
	int64_t value;

	while (length && strchr(" \t\r", line[length - 1]))
		line[--length] = '\0';
	if (!length)
		return 0;
	space = strrchr(line, ' ');
	if (!space || !parse_value(space + 1, &value))
		return reading__refuse(reading->in,
				       "it is text, but line %zu is no folded stack (main;work 42)",
				       reading->line_number);
	*space = '\0';
	return add_stack(reading, line, value);
}

static int read_lines(struct folded_reading *reading)
{
	const char *at = (const char *)reading->in->bytes, *end = at + reading->in->size;
	int err = 0;

	while (!err && at < end) {
		const char *newline = memchr(at, '\n', end - at);
		size_t length = (newline ? newline : end) - at;
		char *line = strndup(at, length);

		reading->line_number++;
		if (!line)
			return -ENOMEM;
		if (strlen(line) < length)
			err = reading__refuse(reading->in, "line %zu has a NUL byte in it",
					      reading->line_number);
		else
			err = read_line(reading, line);
		free(line);
		at = newline ? newline + 1 : end;
	}
	return err;
}

int read_folded(struct reading *in)
{
	struct folded_reading reading = {.in = in};
	int err = reading__types(in, &(struct type_names){"samples", "count"}, 1, 0);

	if (!err)
		err = read_lines(&reading);
	free(reading.frames.items);
	return err;
}
