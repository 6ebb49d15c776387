// SPDX-License-Identifier: Apache-2.0
/* The profile is laid out as protobuf-c's structs, packed, and gzipped. Ids in the format begin
 * with 1, ours with 0. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "export/export.h"
#include "export/gzip.h"
#include "profile.pb-c.h"

#define P(name) Perftools__Profiles__##name

/* Everything allocated for one message, to be freed in one go. */
struct arena {
	void **blocks;
	size_t count, capacity;
	bool failed;
};

static void *arena_alloc(struct arena *arena, size_t count, size_t size)
{
	void *block = NULL;

	if (arena->count == arena->capacity) {
		size_t capacity = arena->capacity ? arena->capacity * 2 : 32;
		void **blocks = reallocarray(arena->blocks, capacity, sizeof(*blocks));

		if (!blocks) {
			arena->failed = true;
			return NULL;
		}
		arena->blocks = blocks;
		arena->capacity = capacity;
	}
	block = calloc(count ? count : 1, size);
	if (!block)
		arena->failed = true;
	else
		arena->blocks[arena->count++] = block;
	return block;
}

static void arena_free(struct arena *arena)
{
	for (size_t i = 0; i < arena->count; i++)
		free(arena->blocks[i]);
	free(arena->blocks);
}

/* An array of `count` messages and the array of pointers to them that protobuf-c wants. False where
 * memory is short. */
#define messages(arena, count, items, pointers)                              \
	({                                                                   \
		(items) = arena_alloc(arena, count, sizeof(*(items)));       \
		(pointers) = arena_alloc(arena, count, sizeof(*(pointers))); \
		for (size_t i_ = 0; !(arena)->failed && i_ < (count); i_++)  \
			(pointers)[i_] = &(items)[i_];                       \
		!(arena)->failed;                                            \
	})

static void put_types(struct arena *arena, const struct profile *profile, P(Profile) * message)
{
	P(ValueType) * types;
	size_t count = profile->type_count;

	/* One more for the period. */
	if (!messages(arena, count + 1, types, message->sample_type))
		return;
	for (size_t i = 0; i <= count; i++) {
		const struct value_type *type =
			i < count ? &profile->types[i] : &profile->period_type;

		perftools__profiles__value_type__init(&types[i]);
		types[i].type = type->type;
		types[i].unit = type->unit;
	}
	message->n_sample_type = count;
	message->period_type = &types[count];
}

static void put_mappings(struct arena *arena, const struct profile *profile, P(Profile) * message)
{
	P(Mapping) * mappings;

	if (!messages(arena, profile->mapping_count, mappings, message->mapping))
		return;
	message->n_mapping = profile->mapping_count;
	for (size_t i = 0; i < profile->mapping_count; i++) {
		const struct profile_mapping *mapping = &profile->mappings[i];

		perftools__profiles__mapping__init(&mappings[i]);
		mappings[i].id = i + 1;
		mappings[i].memory_start = mapping->start;
		mappings[i].memory_limit = mapping->limit;
		mappings[i].file_offset = mapping->file_offset;
		mappings[i].filename = mapping->file;
		mappings[i].build_id = mapping->build_id;
		mappings[i].has_functions = mapping->has_functions;
		mappings[i].has_filenames = mapping->has_filenames;
		mappings[i].has_line_numbers = mapping->has_line_numbers;
		mappings[i].has_inline_frames = mapping->has_inline_frames;
	}
}

static void put_functions(struct arena *arena, const struct profile *profile, P(Profile) * message)
{
	P(Function) * functions;

	if (!messages(arena, profile->function_count, functions, message->function))
		return;
	message->n_function = profile->function_count;
	for (size_t i = 0; i < profile->function_count; i++) {
		const struct profile_function *function = &profile->functions[i];

		perftools__profiles__function__init(&functions[i]);
		functions[i].id = i + 1;
		functions[i].name = function->name;
		functions[i].system_name = function->system_name;
		functions[i].filename = function->file;
		functions[i].start_line = function->start_line;
	}
}

static void put_locations(struct arena *arena, const struct profile *profile, P(Profile) * message)
{
	P(Location) * locations;
	P(Line) * lines, **line_pointers;

	if (!messages(arena, profile->location_count, locations, message->location) ||
	    !messages(arena, profile->line_count, lines, line_pointers))
		return;
	message->n_location = profile->location_count;
	for (size_t i = 0; i < profile->line_count; i++) {
		perftools__profiles__line__init(&lines[i]);
		lines[i].function_id = profile->lines[i].function + 1;
		lines[i].line = profile->lines[i].line;
	}
	for (size_t i = 0; i < profile->location_count; i++) {
		const struct profile_location *location = &profile->locations[i];

		perftools__profiles__location__init(&locations[i]);
		locations[i].id = i + 1;
		if (location->mapping != PROFILE_NO_MAPPING)
			locations[i].mapping_id = location->mapping + 1;
		locations[i].address = location->address;
		locations[i].line = &line_pointers[location->first_line];
		locations[i].n_line = location->line_count;
	}
}

static size_t frames_of_all(const struct profile *profile)
{
	size_t frames = 0;

	for (size_t i = 0; i < profile->sample_count; i++)
		frames += profile->samples[i].depth;
	return frames;
}

static size_t labels_of_all(const struct profile *profile)
{
	size_t labels = 0;

	for (size_t i = 0; i < profile->sample_count; i++)
		labels += profile->samples[i].label_count;
	return labels;
}

static void fill_label(P(Label) * to, const struct profile_label *label)
{
	perftools__profiles__label__init(to);
	to->key = label->key;
	to->str = label->text;
	to->num = label->number;
	to->num_unit = label->unit;
}

static void put_samples(struct arena *arena, const struct profile *profile, P(Profile) * message)
{
	P(Sample) * samples;
	P(Label) * labels, **label_pointers;
	uint64_t *ids = arena_alloc(arena, frames_of_all(profile), sizeof(*ids));

	if (!ids || !messages(arena, profile->sample_count, samples, message->sample) ||
	    !messages(arena, labels_of_all(profile), labels, label_pointers))
		return;
	message->n_sample = profile->sample_count;
	for (size_t i = 0; i < profile->sample_count; i++) {
		const struct profile_sample *sample = &profile->samples[i];

		perftools__profiles__sample__init(&samples[i]);
		samples[i].location_id = ids;
		samples[i].n_location_id = sample->depth;
		for (uint32_t j = 0; j < sample->depth; j++)
			*ids++ = sample->locations[j] + 1;
		samples[i].value = (int64_t *)sample->values;
		samples[i].n_value = profile->type_count;
		samples[i].label = label_pointers;
		samples[i].n_label = sample->label_count;
		for (uint32_t j = 0; j < sample->label_count; j++)
			fill_label(*label_pointers++, &sample->labels[j]);
	}
}

static void put_strings(struct arena *arena, const struct profile *profile, P(Profile) * message)
{
	size_t count = profile->string_count;
	char **strings = arena_alloc(arena, count, sizeof(*strings));
	int64_t *comments = arena_alloc(arena, profile->comment_count, sizeof(*comments));

	if (arena->failed)
		return;
	for (size_t i = 0; i < count; i++)
		strings[i] = (char *)profile->strings[i];
	message->string_table = strings;
	message->n_string_table = count;
	for (size_t i = 0; i < profile->comment_count; i++)
		comments[i] = profile->comments[i];
	message->comment = comments;
	message->n_comment = profile->comment_count;
}

static int write_packed(const P(Profile) * message, FILE *out)
{
	size_t size = perftools__profiles__profile__get_packed_size(message);
	uint8_t *bytes = malloc(size);
	int err;

	if (!bytes)
		return -ENOMEM;
	perftools__profiles__profile__pack(message, bytes);
	err = gzip__write(out, bytes, size);
	free(bytes);
	return err;
}

int export_pprof(const struct profile *profile, FILE *out)
{
	P(Profile) message = PERFTOOLS__PROFILES__PROFILE__INIT;
	struct arena arena = {};
	int err;

	put_types(&arena, profile, &message);
	put_mappings(&arena, profile, &message);
	put_functions(&arena, profile, &message);
	put_locations(&arena, profile, &message);
	put_samples(&arena, profile, &message);
	put_strings(&arena, profile, &message);
	message.drop_frames = profile->drop_frames;
	message.keep_frames = profile->keep_frames;
	message.time_nanos = profile->time_ns;
	message.duration_nanos = profile->duration_ns;
	message.period = profile->period;
	message.default_sample_type = profile->default_sample_type;
	err = arena.failed ? -ENOMEM : write_packed(&message, out);
	arena_free(&arena);
	return err;
}
