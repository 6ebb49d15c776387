// SPDX-License-Identifier: Apache-2.0
/* A profile in pprof's format, taken apart again by zlib and protobuf-c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "export/export.h"
#include "profile.pb-c.h"
#include "profile/builder.h"

#define UNZIPPED_MAX 65536

typedef Perftools__Profiles__Profile Message;

static char *export(const struct profile *profile, size_t *size)
{
	char *bytes = NULL;
	FILE *out = open_memstream(&bytes, size);

	assert_non_null(out);
	assert_int_equal(export_pprof(profile, out), 0);
	assert_int_equal(fclose(out), 0);
	return bytes;
}

static Message *round_trip(const struct profile *profile)
{
	unsigned char unzipped[UNZIPPED_MAX];
	size_t size;
	char *zipped = export(profile, &size);
	z_stream stream = {
		.next_in = (unsigned char *)zipped,
		.avail_in = size,
		.next_out = unzipped,
		.avail_out = sizeof(unzipped),
	};
	Message *message;

	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	message = perftools__profiles__profile__unpack(NULL, stream.total_out, unzipped);
	assert_non_null(message);
	inflateEnd(&stream);
	free(zipped);
	return message;
}

static void forget(Message *message)
{
	perftools__profiles__profile__free_unpacked(message, NULL);
}

static uint32_t add_function(struct profile_builder *builder, const char *name,
			     const char *system_name, const char *file, int64_t start_line)
{
	return profile_builder__function(
		builder, &(struct profile_function){
				 .name = profile_builder__string(builder, name),
				 .system_name = profile_builder__string(builder, system_name),
				 .file = profile_builder__string(builder, file),
				 .start_line = start_line,
			 });
}

static uint32_t add_mapping(struct profile_builder *builder, uint64_t start, const char *file,
			    const char *build_id)
{
	return profile_builder__mapping(
		builder, &(struct profile_mapping){
				 .start = start,
				 .limit = start + 0x1000,
				 .file_offset = 0x2000,
				 .file = profile_builder__string(builder, file),
				 .build_id = profile_builder__string(builder, build_id),
				 .has_functions = true,
			 });
}

/* Everything that a profile can hold. */
static const struct profile *make_profile(void)
{
	struct profile_builder *builder = profile_builder__new();
	uint32_t app, libc, note, stack[3];
	struct profile_line lines[2];

	profile_builder__type(builder, "alloc_objects", "count", false);
	profile_builder__type(builder, "alloc_space", "bytes", false);
	profile_builder__type(builder, "inuse_space", "bytes", true);
	profile_builder__default_type(builder, "alloc_space");
	profile_builder__period(builder, "space", "bytes", 524288);
	profile_builder__times(builder, 1700000000123456789, 30000000000);
	profile_builder__title(builder, "app (pid 42)");
	profile_builder__comment(builder, "first comment");
	profile_builder__comment(builder, "second comment");
	app = add_mapping(builder, 0x400000, "/bin/app", "0123456789abcdef");
	libc = add_mapping(builder, 0x7f0000000000, "/lib/libc.so.6", "");
	lines[0] =
		(struct profile_line){.function = add_function(builder, "malloc", "malloc", "", 0)};
	stack[0] =
		profile_builder__location(builder, libc, 0x7f0000000123, FRAME_LIBRARY, lines, 1);
	lines[0] = (struct profile_line){
		.function = add_function(builder, "ns::inner", "_ZN2ns5innerEv", "a.cc", 7),
		.line = 9,
	};
	lines[1] = (struct profile_line){
		.function = add_function(builder, "main", "main", "a.cc", 20),
		.line = 21,
	};
	stack[1] = profile_builder__location(builder, app, 0x400456, FRAME_APP, lines, 2);
	note = profile_builder__note(builder, "[truncated]");
	stack[2] = note;
	profile_builder__sample(
		builder, stack, 3, (int64_t[]){1, 16, -16},
		&(struct profile_label){.key = profile_builder__string(builder, "bytes"),
					.number = 16,
					.unit = profile_builder__string(builder, "bytes")},
		1);
	profile_builder__sample(builder, &note, 1, (int64_t[]){5, INT64_MAX, 0}, NULL, 0);
	return profile_builder__freeze(builder);
}

static const char *text(const Message *message, int64_t id)
{
	assert_true(id >= 0);
	assert_true((size_t)id < message->n_string_table);
	return message->string_table[id];
}

static void the_head_has_types_times_and_period(void **state)
{
	const struct profile *profile = make_profile();
	Message *message = round_trip(profile);

	(void)state;
	assert_int_equal(message->n_sample_type, 3);
	assert_string_equal(text(message, message->sample_type[0]->type), "alloc_objects");
	assert_string_equal(text(message, message->sample_type[0]->unit), "count");
	assert_string_equal(text(message, message->sample_type[1]->type), "alloc_space");
	assert_string_equal(text(message, message->sample_type[1]->unit), "bytes");
	assert_string_equal(text(message, message->sample_type[2]->type), "inuse_space");
	assert_string_equal(text(message, message->sample_type[2]->unit), "bytes");
	assert_string_equal(text(message, message->default_sample_type), "alloc_space");
	assert_string_equal(text(message, message->period_type->type), "space");
	assert_string_equal(text(message, message->period_type->unit), "bytes");
	assert_int_equal(message->period, 524288);
	assert_int_equal(message->time_nanos, 1700000000123456789);
	assert_int_equal(message->duration_nanos, 30000000000);
	forget(message);
	profile__free(profile);
}

static void the_string_table_begins_with_the_empty_string(void **state)
{
	const struct profile *profile = make_profile();
	Message *message = round_trip(profile);

	(void)state;
	assert_string_equal(message->string_table[0], "");
	for (size_t i = 0; i < profile->string_count; i++)
		assert_string_equal(message->string_table[i], profile->strings[i]);
	for (size_t i = 1; i < message->n_string_table; i++)
		assert_string_not_equal(message->string_table[i], "");
	forget(message);
	profile__free(profile);
}

static void mappings_keep_their_order(void **state)
{
	const struct profile *profile = make_profile();
	Message *message = round_trip(profile);
	const Perftools__Profiles__Mapping *mapping = message->mapping[0];

	(void)state;
	assert_int_equal(message->n_mapping, 2);
	assert_int_equal(mapping->memory_start, 0x400000);
	assert_int_equal(mapping->memory_limit, 0x401000);
	assert_int_equal(mapping->file_offset, 0x2000);
	assert_string_equal(text(message, mapping->filename), "/bin/app");
	assert_string_equal(text(message, mapping->build_id), "0123456789abcdef");
	assert_true(mapping->has_functions);
	mapping = message->mapping[1];
	assert_int_equal(mapping->memory_start, 0x7f0000000000);
	assert_string_equal(text(message, mapping->filename), "/lib/libc.so.6");
	assert_int_equal(mapping->build_id, 0);
	forget(message);
	profile__free(profile);
}

static void functions_have_both_names_and_their_place(void **state)
{
	const struct profile *profile = make_profile();
	Message *message = round_trip(profile);
	const Perftools__Profiles__Function *function = message->function[1];

	(void)state;
	assert_int_equal(message->n_function, 4);
	assert_string_equal(text(message, function->name), "ns::inner");
	assert_string_equal(text(message, function->system_name), "_ZN2ns5innerEv");
	assert_string_equal(text(message, function->filename), "a.cc");
	assert_int_equal(function->start_line, 7);
	forget(message);
	profile__free(profile);
}

static const char *line_name(const Message *message, const Perftools__Profiles__Line *line)
{
	return text(message, message->function[line->function_id - 1]->name);
}

static void locations_have_their_lines_innermost_first(void **state)
{
	const struct profile *profile = make_profile();
	Message *message = round_trip(profile);
	Perftools__Profiles__Location **locations = message->location;

	(void)state;
	assert_int_equal(message->n_location, 3);
	assert_int_equal(locations[0]->mapping_id, 2);
	assert_int_equal(locations[0]->address, 0x7f0000000123);
	assert_int_equal(locations[0]->n_line, 1);
	assert_string_equal(line_name(message, locations[0]->line[0]), "malloc");
	assert_int_equal(locations[0]->line[0]->line, 0);
	assert_int_equal(locations[1]->mapping_id, 1);
	assert_int_equal(locations[1]->address, 0x400456);
	assert_int_equal(locations[1]->n_line, 2);
	assert_string_equal(line_name(message, locations[1]->line[0]), "ns::inner");
	assert_int_equal(locations[1]->line[0]->line, 9);
	assert_string_equal(line_name(message, locations[1]->line[1]), "main");
	assert_int_equal(locations[1]->line[1]->line, 21);
	forget(message);
	profile__free(profile);
}

static void a_note_has_a_name_and_no_mapping(void **state)
{
	const struct profile *profile = make_profile();
	Message *message = round_trip(profile);
	const Perftools__Profiles__Location *location = message->location[2];

	(void)state;
	assert_int_equal(location->mapping_id, 0);
	assert_int_equal(location->address, 0);
	assert_int_equal(location->n_line, 1);
	assert_string_equal(line_name(message, location->line[0]), "[truncated]");
	forget(message);
	profile__free(profile);
}

static void samples_have_stacks_values_and_perhaps_a_size(void **state)
{
	const struct profile *profile = make_profile();
	Message *message = round_trip(profile);
	const Perftools__Profiles__Sample *sample = message->sample[0];

	(void)state;
	assert_int_equal(message->n_sample, 2);
	assert_int_equal(sample->n_location_id, 3);
	assert_int_equal(sample->location_id[0], 1);
	assert_int_equal(sample->location_id[1], 2);
	assert_int_equal(sample->location_id[2], 3);
	assert_int_equal(sample->n_value, 3);
	assert_int_equal(sample->value[0], 1);
	assert_int_equal(sample->value[1], 16);
	assert_int_equal(sample->value[2], -16);
	assert_int_equal(sample->n_label, 1);
	assert_string_equal(text(message, sample->label[0]->key), "bytes");
	assert_string_equal(text(message, sample->label[0]->num_unit), "bytes");
	assert_int_equal(sample->label[0]->num, 16);
	assert_int_equal(sample->label[0]->str, 0);
	sample = message->sample[1];
	assert_int_equal(sample->n_location_id, 1);
	assert_int_equal(sample->location_id[0], 3);
	assert_int_equal(sample->value[1], INT64_MAX);
	assert_int_equal(sample->n_label, 0);
	forget(message);
	profile__free(profile);
}

static void comments_keep_their_order(void **state)
{
	const struct profile *profile = make_profile();
	Message *message = round_trip(profile);

	(void)state;
	assert_int_equal(message->n_comment, 2);
	assert_string_equal(text(message, message->comment[0]), "first comment");
	assert_string_equal(text(message, message->comment[1]), "second comment");
	forget(message);
	profile__free(profile);
}

static void ids_begin_with_1_and_lead_somewhere(void **state)
{
	const struct profile *profile = make_profile();
	Message *message = round_trip(profile);

	(void)state;
	for (size_t i = 0; i < message->n_mapping; i++)
		assert_int_equal(message->mapping[i]->id, i + 1);
	for (size_t i = 0; i < message->n_function; i++)
		assert_int_equal(message->function[i]->id, i + 1);
	for (size_t i = 0; i < message->n_location; i++) {
		const Perftools__Profiles__Location *location = message->location[i];

		assert_int_equal(location->id, i + 1);
		for (size_t j = 0; j < location->n_line; j++)
			assert_in_range(location->line[j]->function_id, 1, message->n_function);
	}
	for (size_t i = 0; i < message->n_sample; i++) {
		const Perftools__Profiles__Sample *sample = message->sample[i];

		for (size_t j = 0; j < sample->n_location_id; j++)
			assert_in_range(sample->location_id[j], 1, message->n_location);
	}
	forget(message);
	profile__free(profile);
}

static void an_empty_profile_is_valid(void **state)
{
	const struct profile *profile = profile_builder__freeze(profile_builder__new());
	Message *message = round_trip(profile);

	(void)state;
	assert_int_equal(message->n_sample, 0);
	assert_int_equal(message->n_location, 0);
	assert_int_equal(message->n_comment, 0);
	assert_string_equal(message->string_table[0], "");
	assert_int_equal(message->default_sample_type, 0);
	forget(message);
	profile__free(profile);
}

static void the_same_profile_gives_the_same_bytes(void **state)
{
	const struct profile *profile = make_profile(), *again = make_profile();
	size_t sizes[3];
	char *bytes[] = {export(profile, &sizes[0]), export(profile, &sizes[1]),
			 export(again, &sizes[2])};

	(void)state;
	for (int i = 1; i < 3; i++) {
		assert_int_equal(sizes[i], sizes[0]);
		assert_memory_equal(bytes[i], bytes[0], sizes[0]);
	}
	for (int i = 0; i < 3; i++)
		free(bytes[i]);
	profile__free(profile);
	profile__free(again);
}

static void a_stream_that_fails_is_an_error(void **state)
{
	const struct profile *profile = make_profile();
	FILE *out = fopen("/dev/full", "w");

	(void)state;
	setvbuf(out, NULL, _IONBF, 0);
	assert_int_equal(export_pprof(profile, out), -EIO);
	fclose(out);
	profile__free(profile);
}

static void what_readers_are_to_leave_out_is_written(void **state)
{
	struct profile_builder *builder = profile_builder__new();
	const struct profile *profile;
	Message *message;

	(void)state;
	assert_non_null(builder);
	profile_builder__type(builder, "samples", "count", true);
	profile_builder__pruning(builder, "malloc|free", "mallopt");
	profile = profile_builder__freeze(builder);
	assert_non_null(profile);
	message = round_trip(profile);
	assert_string_equal(message->string_table[message->drop_frames], "malloc|free");
	assert_string_equal(message->string_table[message->keep_frames], "mallopt");
	forget(message);
	profile__free(profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_head_has_types_times_and_period),
		cmocka_unit_test(the_string_table_begins_with_the_empty_string),
		cmocka_unit_test(mappings_keep_their_order),
		cmocka_unit_test(functions_have_both_names_and_their_place),
		cmocka_unit_test(locations_have_their_lines_innermost_first),
		cmocka_unit_test(a_note_has_a_name_and_no_mapping),
		cmocka_unit_test(samples_have_stacks_values_and_perhaps_a_size),
		cmocka_unit_test(comments_keep_their_order),
		cmocka_unit_test(ids_begin_with_1_and_lead_somewhere),
		cmocka_unit_test(an_empty_profile_is_valid),
		cmocka_unit_test(the_same_profile_gives_the_same_bytes),
		cmocka_unit_test(a_stream_that_fails_is_an_error),
		cmocka_unit_test(what_readers_are_to_leave_out_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
