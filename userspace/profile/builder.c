// SPDX-License-Identifier: Apache-2.0
#include "profile/builder.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/intern.h"

struct strings {
	char **items;
	size_t count, capacity;
};

struct mappings {
	struct profile_mapping *items;
	size_t count, capacity;
};

struct functions {
	struct profile_function *items;
	size_t count, capacity;
};

struct lines {
	struct profile_line *items;
	size_t count, capacity;
};

struct locations {
	struct profile_location *items;
	size_t count, capacity;
};

struct samples {
	struct profile_sample *items;
	size_t count, capacity;
};

struct comments {
	string_id *items;
	size_t count, capacity;
};

struct profile_builder {
	struct profile head; /* the plain fields; the arrays come in when it is frozen */
	struct strings strings;
	struct mappings mappings;
	struct functions functions;
	struct lines lines;
	struct locations locations;
	struct samples samples;
	struct comments comments;
	struct intern *string_ids, *mapping_ids, *function_ids, *location_ids;
	int err; /* the first one; sticks */
};

#define append(builder, array, ...)                                                       \
	({                                                                                \
		int err_ = array_append(&(builder)->array.items, &(builder)->array.count, \
					&(builder)->array.capacity, __VA_ARGS__);         \
		if (err_)                                                                 \
			(builder)->err = err_;                                            \
		err_;                                                                     \
	})

struct profile_builder *profile_builder__new(void)
{
	struct profile_builder *builder = calloc(1, sizeof(*builder));

	if (!builder)
		return NULL;
	builder->string_ids = intern__new();
	builder->mapping_ids = intern__new();
	builder->function_ids = intern__new();
	builder->location_ids = intern__new();
	if (!builder->string_ids || !builder->mapping_ids || !builder->function_ids ||
	    !builder->location_ids)
		goto fail;
	profile_builder__string(builder, "");
	if (!builder->err)
		return builder;
fail:
	profile_builder__free(builder);
	errno = ENOMEM;
	return NULL;
}

static void free_indexes(struct profile_builder *builder)
{
	intern__free(builder->string_ids);
	intern__free(builder->mapping_ids);
	intern__free(builder->function_ids);
	intern__free(builder->location_ids);
}

void profile_builder__free(struct profile_builder *builder)
{
	if (!builder)
		return;
	for (size_t i = 0; i < builder->strings.count; i++)
		free(builder->strings.items[i]);
	for (size_t i = 0; i < builder->samples.count; i++)
		profile_sample__release(&builder->samples.items[i]);
	free(builder->strings.items);
	free(builder->mappings.items);
	free(builder->functions.items);
	free(builder->lines.items);
	free(builder->locations.items);
	free(builder->samples.items);
	free(builder->comments.items);
	free_indexes(builder);
	free(builder);
}

/* The number of `key` in `ids`; 0 after an error, which sticks. */
static uint32_t id_of(struct profile_builder *builder, struct intern *ids, const void *key,
		      size_t size, bool *is_new)
{
	uint32_t id = intern__id(ids, key, size, is_new);

	if (id != INTERN_FAILED)
		return id;
	builder->err = -ENOMEM;
	*is_new = false;
	return 0;
}

string_id profile_builder__string(struct profile_builder *builder, const char *text)
{
	bool is_new;
	string_id id = id_of(builder, builder->string_ids, text, strlen(text), &is_new);
	char *copy;

	if (!is_new)
		return id;
	copy = strdup(text);
	if (!copy) {
		builder->err = -ENOMEM;
		return 0;
	}
	if (append(builder, strings, copy))
		free(copy);
	return id;
}

void profile_builder__type(struct profile_builder *builder, const char *type, const char *unit,
			   bool shown)
{
	struct profile *head = &builder->head;

	if (head->type_count == PROFILE_VALUES_MAX) {
		builder->err = -E2BIG;
		return;
	}
	if (shown)
		head->shown_type = head->type_count;
	head->types[head->type_count++] = (struct value_type){
		.type = profile_builder__string(builder, type),
		.unit = profile_builder__string(builder, unit),
	};
}

void profile_builder__default_type(struct profile_builder *builder, const char *type)
{
	builder->head.default_sample_type = profile_builder__string(builder, type);
}

void profile_builder__period(struct profile_builder *builder, const char *type, const char *unit,
			     int64_t period)
{
	builder->head.period_type.type = profile_builder__string(builder, type);
	builder->head.period_type.unit = profile_builder__string(builder, unit);
	builder->head.period = period;
}

void profile_builder__times(struct profile_builder *builder, int64_t time_ns, int64_t duration_ns)
{
	builder->head.time_ns = time_ns;
	builder->head.duration_ns = duration_ns;
}

void profile_builder__pruning(struct profile_builder *builder, const char *drop_frames,
			      const char *keep_frames)
{
	builder->head.drop_frames = profile_builder__string(builder, drop_frames);
	builder->head.keep_frames = profile_builder__string(builder, keep_frames);
}

void profile_builder__kind(struct profile_builder *builder, const char *name)
{
	builder->head.kind = profile_builder__string(builder, name);
}

void profile_builder__diff(struct profile_builder *builder, enum diff_widths widths)
{
	builder->head.diff = widths;
}

void profile_builder__outcome(struct profile_builder *builder,
			      const struct profile_outcome *outcome)
{
	builder->head.outcome = *outcome;
}

void profile_builder__title(struct profile_builder *builder, const char *title)
{
	builder->head.title = profile_builder__string(builder, title);
}

void profile_builder__comment(struct profile_builder *builder, const char *format, ...)
{
	va_list args;
	char *text;
	int length;

	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0) {
		builder->err = -ENOMEM;
		return;
	}
	append(builder, comments, profile_builder__string(builder, text));
	free(text);
}

uint32_t profile_builder__mapping(struct profile_builder *builder,
				  const struct profile_mapping *mapping)
{
	struct {
		uint64_t start, limit, file_offset, file, build_id;
	} key = {mapping->start, mapping->limit, mapping->file_offset, mapping->file,
		 mapping->build_id};
	bool is_new;
	uint32_t id = id_of(builder, builder->mapping_ids, &key, sizeof(key), &is_new);

	if (is_new)
		append(builder, mappings, *mapping);
	return id;
}

void profile_builder__mark_mapping(struct profile_builder *builder, uint32_t index,
				   const struct profile_mapping *known)
{
	struct profile_mapping *mapping = &builder->mappings.items[index];

	/* There is none after an error. */
	if (index >= builder->mappings.count)
		return;
	mapping->has_functions |= known->has_functions;
	mapping->has_filenames |= known->has_filenames;
	mapping->has_line_numbers |= known->has_line_numbers;
	mapping->has_inline_frames |= known->has_inline_frames;
}

uint32_t profile_builder__function(struct profile_builder *builder,
				   const struct profile_function *function)
{
	struct {
		uint64_t name, system_name, file, start_line;
	} key = {function->name, function->system_name, function->file, function->start_line};
	bool is_new;
	uint32_t id = id_of(builder, builder->function_ids, &key, sizeof(key), &is_new);

	if (is_new)
		append(builder, functions, *function);
	return id;
}

/* What a location is known by. No mapping has a number of 64 bits: those that are never found again
 * have their own there. */
struct location_key {
	uint64_t mapping, address, function;
};

static uint32_t location_of(struct profile_builder *builder, const struct location_key *key,
			    struct profile_location location, const struct profile_line *lines)
{
	bool is_new;
	uint32_t id = id_of(builder, builder->location_ids, key, sizeof(*key), &is_new);

	if (!is_new)
		return id;
	location.first_line = builder->lines.count;
	append(builder, locations, location);
	for (uint32_t i = 0; i < location.line_count; i++)
		append(builder, lines, lines[i]);
	return id;
}

uint32_t profile_builder__location(struct profile_builder *builder, uint32_t mapping,
				   uint64_t address, enum frame_kind kind,
				   const struct profile_line *lines, uint32_t line_count)
{
	struct location_key key = {mapping, address, line_count ? lines[0].function : 0};
	struct profile_location location = {
		.address = address, .mapping = mapping, .line_count = line_count, .kind = kind};

	return location_of(builder, &key, location, lines);
}

uint32_t profile_builder__add_location(struct profile_builder *builder, uint32_t mapping,
				       uint64_t address, enum frame_kind kind,
				       const struct profile_line *lines, uint32_t line_count)
{
	struct location_key key = {UINT64_MAX, builder->locations.count, 0};
	struct profile_location location = {
		.address = address, .mapping = mapping, .line_count = line_count, .kind = kind};

	return location_of(builder, &key, location, lines);
}

void profile_builder__offset(struct profile_builder *builder, uint32_t location, uint64_t offset)
{
	/* There is none after an error. */
	if (location < builder->locations.count)
		builder->locations.items[location].offset = offset;
}

uint32_t profile_builder__note(struct profile_builder *builder, const char *name)
{
	string_id text = profile_builder__string(builder, name);
	struct profile_line line = {
		.function = profile_builder__function(
			builder, &(struct profile_function){.name = text, .system_name = text}),
	};

	return profile_builder__location(builder, PROFILE_NO_MAPPING, 0, FRAME_NOTE, &line, 1);
}

/* NULL, and an error that sticks, where memory is short. */
static void *copy_of(struct profile_builder *builder, const void *items, uint32_t count,
		     size_t size)
{
	void *copy = calloc(count ? count : 1, size);

	if (!copy)
		builder->err = -ENOMEM;
	else if (count)
		memcpy(copy, items, count * size);
	return copy;
}

void profile_builder__sample(struct profile_builder *builder, const uint32_t *locations,
			     uint32_t depth, const int64_t *values,
			     const struct profile_label *labels, uint32_t label_count)
{
	struct profile_sample sample = {
		.locations = copy_of(builder, locations, depth, sizeof(*locations)),
		.depth = depth,
		.labels = copy_of(builder, labels, label_count, sizeof(*labels)),
		.label_count = label_count,
	};

	memcpy(sample.values, values, builder->head.type_count * sizeof(*values));
	if (builder->err || append(builder, samples, sample))
		profile_sample__release(&sample);
}

const struct profile *profile_builder__freeze(struct profile_builder *builder)
{
	struct profile *profile = builder->err ? NULL : malloc(sizeof(*profile));

	if (!profile) {
		errno = builder->err ? -builder->err : ENOMEM;
		profile_builder__free(builder);
		return NULL;
	}
	*profile = builder->head;
	profile->strings = (const char *const *)builder->strings.items;
	profile->string_count = builder->strings.count;
	profile->mappings = builder->mappings.items;
	profile->mapping_count = builder->mappings.count;
	profile->functions = builder->functions.items;
	profile->function_count = builder->functions.count;
	profile->lines = builder->lines.items;
	profile->line_count = builder->lines.count;
	profile->locations = builder->locations.items;
	profile->location_count = builder->locations.count;
	profile->samples = builder->samples.items;
	profile->sample_count = builder->samples.count;
	profile->comments = builder->comments.items;
	profile->comment_count = builder->comments.count;
	free_indexes(builder);
	free(builder);
	return profile;
}
