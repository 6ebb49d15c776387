// SPDX-License-Identifier: Apache-2.0
/* Putting a profile together. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "profile/builder.h"

static const char *text_of(const struct profile *profile, string_id id)
{
	assert_true(id < profile->string_count);
	return profile->strings[id];
}

static struct profile_function function_named(struct profile_builder *builder, const char *name)
{
	string_id text = profile_builder__string(builder, name);

	return (struct profile_function){.name = text, .system_name = text};
}

static void an_empty_profile_has_the_empty_string(void **state)
{
	const struct profile *profile = profile_builder__freeze(profile_builder__new());

	(void)state;
	assert_non_null(profile);
	assert_int_equal(profile->string_count, 1);
	assert_string_equal(profile->strings[0], "");
	assert_int_equal(profile->type_count, 0);
	assert_int_equal(profile->mapping_count, 0);
	assert_int_equal(profile->function_count, 0);
	assert_int_equal(profile->location_count, 0);
	assert_int_equal(profile->sample_count, 0);
	assert_int_equal(profile->comment_count, 0);
	profile__free(profile);
}

static void equal_strings_become_one(void **state)
{
	struct profile_builder *builder = profile_builder__new();
	char text[] = "again";
	const struct profile *profile;

	(void)state;
	assert_int_equal(profile_builder__string(builder, ""), 0);
	assert_int_equal(profile_builder__string(builder, text), 1);
	assert_int_equal(profile_builder__string(builder, "other"), 2);
	assert_int_equal(profile_builder__string(builder, "again"), 1);
	text[0] = 'X'; /* it was copied */
	profile = profile_builder__freeze(builder);
	assert_int_equal(profile->string_count, 3);
	assert_string_equal(profile->strings[1], "again");
	assert_string_equal(profile->strings[2], "other");
	profile__free(profile);
}

static void the_head_is_as_it_was_said(void **state)
{
	struct profile_builder *builder = profile_builder__new();
	const struct profile *profile;

	(void)state;
	profile_builder__type(builder, "alloc_space", "bytes", false);
	profile_builder__type(builder, "inuse_objects", "count", true);
	profile_builder__type(builder, "inuse_space", "bytes", true);
	profile_builder__type(builder, "more", "bytes", false);
	profile_builder__default_type(builder, "alloc_space");
	profile_builder__period(builder, "space", "bytes", 524288);
	profile_builder__times(builder, 1234567890123456789, 30000000000);
	profile_builder__title(builder, "server (pid 42)");
	profile = profile_builder__freeze(builder);
	assert_int_equal(profile->type_count, 4);
	assert_string_equal(text_of(profile, profile->types[0].type), "alloc_space");
	assert_string_equal(text_of(profile, profile->types[0].unit), "bytes");
	assert_string_equal(text_of(profile, profile->types[1].type), "inuse_objects");
	assert_string_equal(text_of(profile, profile->types[1].unit), "count");
	assert_int_equal(profile->shown_type, 2);
	assert_int_equal(profile->default_sample_type, profile->types[0].type);
	assert_string_equal(text_of(profile, profile->period_type.type), "space");
	assert_int_equal(profile->period_type.unit, profile->types[0].unit);
	assert_int_equal(profile->period, 524288);
	assert_int_equal(profile->time_ns, 1234567890123456789);
	assert_int_equal(profile->duration_ns, 30000000000);
	assert_string_equal(text_of(profile, profile->title), "server (pid 42)");
	profile__free(profile);
}

static void one_type_too_many_fails_when_frozen(void **state)
{
	struct profile_builder *builder = profile_builder__new();

	(void)state;
	for (int i = 0; i < PROFILE_VALUES_MAX + 1; i++)
		profile_builder__type(builder, "type", "unit", false);
	errno = 0;
	assert_null(profile_builder__freeze(builder));
	assert_int_equal(errno, E2BIG);
}

static void the_first_error_sticks_through_what_comes_after(void **state)
{
	struct profile_builder *builder = profile_builder__new();
	int64_t values[PROFILE_VALUES_MAX] = {1};
	uint32_t note;

	(void)state;
	for (int i = 0; i < PROFILE_VALUES_MAX + 1; i++)
		profile_builder__type(builder, "type", "unit", false);
	note = profile_builder__note(builder, "[lost]");
	profile_builder__sample(builder, &note, 1, values, NULL, 0);
	profile_builder__comment(builder, "fine");
	assert_null(profile_builder__freeze(builder));
	assert_int_equal(errno, E2BIG);
}

static void equal_functions_become_one(void **state)
{
	struct profile_builder *builder = profile_builder__new();
	struct profile_function one = function_named(builder, "one"), other = one;
	const struct profile *profile;

	(void)state;
	one.file = profile_builder__string(builder, "one.c");
	one.start_line = 10;
	assert_int_equal(profile_builder__function(builder, &one), 0);
	assert_int_equal(profile_builder__function(builder, &one), 0);
	/* Each field counts. */
	other = one;
	other.name = profile_builder__string(builder, "two");
	assert_int_equal(profile_builder__function(builder, &other), 1);
	other = one;
	other.system_name = profile_builder__string(builder, "_Z3onev");
	assert_int_equal(profile_builder__function(builder, &other), 2);
	other = one;
	other.file = profile_builder__string(builder, "two.c");
	assert_int_equal(profile_builder__function(builder, &other), 3);
	other = one;
	other.start_line = 11;
	assert_int_equal(profile_builder__function(builder, &other), 4);
	assert_int_equal(profile_builder__function(builder, &one), 0);
	profile = profile_builder__freeze(builder);
	assert_int_equal(profile->function_count, 5);
	assert_string_equal(text_of(profile, profile->functions[2].system_name), "_Z3onev");
	assert_string_equal(text_of(profile, profile->functions[3].file), "two.c");
	assert_int_equal(profile->functions[4].start_line, 11);
	profile__free(profile);
}

static void a_location_is_known_by_mapping_address_and_function(void **state)
{
	struct profile_builder *builder = profile_builder__new();
	struct profile_function one = function_named(builder, "one");
	struct profile_function two = function_named(builder, "two");
	struct profile_line line_one = {.function = profile_builder__function(builder, &one)};
	struct profile_line line_two = {.function = profile_builder__function(builder, &two)};
	const struct profile *profile;

	(void)state;
	assert_int_equal(profile_builder__location(builder, 0, 0x100, FRAME_APP, &line_one, 1), 0);
	assert_int_equal(profile_builder__location(builder, 0, 0x100, FRAME_APP, &line_one, 1), 0);
	assert_int_equal(profile_builder__location(builder, 1, 0x100, FRAME_LIBRARY, &line_one, 1),
			 1);
	assert_int_equal(profile_builder__location(builder, 0, 0x101, FRAME_APP, &line_one, 1), 2);
	assert_int_equal(profile_builder__location(builder, 0, 0x100, FRAME_APP, &line_two, 1), 3);
	profile = profile_builder__freeze(builder);
	assert_int_equal(profile->location_count, 4);
	assert_int_equal(profile->line_count, 4);
	assert_int_equal(profile->locations[1].mapping, 1);
	assert_int_equal(profile->locations[1].kind, FRAME_LIBRARY);
	assert_int_equal(profile->locations[2].address, 0x101);
	assert_string_equal(
		profile__line_name(profile, &profile->lines[profile->locations[3].first_line]),
		"two");
	profile__free(profile);
}

static void an_added_location_is_never_one_that_was_there(void **state)
{
	struct profile_builder *builder = profile_builder__new();
	struct profile_line line = {0};
	const struct profile *profile;

	(void)state;
	line.function = profile_builder__function(builder, &(struct profile_function){});
	assert_int_equal(profile_builder__add_location(builder, 0, 0x100, FRAME_APP, &line, 1), 0);
	assert_int_equal(profile_builder__add_location(builder, 0, 0x100, FRAME_APP, &line, 1), 1);
	assert_int_equal(profile_builder__location(builder, 0, 0x100, FRAME_APP, &line, 1), 2);
	assert_int_equal(profile_builder__add_location(builder, 0, 0x100, FRAME_APP, &line, 1), 3);
	assert_int_equal(profile_builder__location(builder, 0, 0x100, FRAME_APP, &line, 1), 2);
	profile = profile_builder__freeze(builder);
	assert_non_null(profile);
	assert_int_equal(profile->location_count, 4);
	assert_int_equal(profile->locations[3].first_line, 3);
	profile__free(profile);
}

static void the_lines_of_a_location_stay_in_order(void **state)
{
	struct profile_builder *builder = profile_builder__new();
	struct profile_function inner = function_named(builder, "inner");
	struct profile_function outer = function_named(builder, "outer");
	struct profile_line lines[] = {
		{.function = profile_builder__function(builder, &inner), .line = 3 },
		{.function = profile_builder__function(builder, &outer), .line = 30},
	};
	const struct profile_location *location;
	const struct profile *profile;

	(void)state;
	profile_builder__note(builder, "[lost]");
	assert_int_equal(profile_builder__location(builder, 0, 0x100, FRAME_APP, lines, 2), 1);
	lines[1].line = 31; /* the lines of the first call count */
	assert_int_equal(profile_builder__location(builder, 0, 0x100, FRAME_APP, lines, 2), 1);
	profile = profile_builder__freeze(builder);
	location = &profile->locations[1];
	assert_int_equal(location->first_line, 1);
	assert_int_equal(location->line_count, 2);
	assert_string_equal(profile__line_name(profile, &profile->lines[1]), "inner");
	assert_string_equal(profile__line_name(profile, &profile->lines[2]), "outer");
	assert_int_equal(profile->lines[1].line, 3);
	assert_int_equal(profile->lines[2].line, 30);
	profile__free(profile);
}

static void a_note_is_a_location_without_code(void **state)
{
	struct profile_builder *builder = profile_builder__new();
	const struct profile *profile;
	uint32_t lost = profile_builder__note(builder, "[lost]");
	uint32_t cut = profile_builder__note(builder, "[truncated]");

	(void)state;
	assert_int_not_equal(lost, cut);
	assert_int_equal(profile_builder__note(builder, "[lost]"), lost);
	profile = profile_builder__freeze(builder);
	assert_int_equal(profile->location_count, 2);
	assert_int_equal(profile->locations[cut].kind, FRAME_NOTE);
	assert_int_equal(profile->locations[cut].address, 0);
	assert_int_equal(profile->locations[cut].mapping, PROFILE_NO_MAPPING);
	assert_int_equal(profile->locations[cut].line_count, 1);
	assert_string_equal(
		profile__line_name(profile, &profile->lines[profile->locations[cut].first_line]),
		"[truncated]");
	profile__free(profile);
}

static void a_sample_is_a_copy(void **state)
{
	struct profile_builder *builder = profile_builder__new();
	uint32_t locations[] = {profile_builder__note(builder, "leaf"),
				profile_builder__note(builder, "root")};
	int64_t values[] = {3, -4};
	const struct profile *profile;

	(void)state;
	profile_builder__type(builder, "a", "count", false);
	profile_builder__type(builder, "b", "count", false);
	profile_builder__sample(
		builder, locations, 2, values,
		&(struct profile_label){.key = profile_builder__string(builder, "bytes"),
					.number = 16,
					.unit = profile_builder__string(builder, "bytes")},
		1);
	locations[0] = locations[1];
	values[0] = 99;
	profile_builder__sample(builder, NULL, 0, values, NULL, 0);
	profile = profile_builder__freeze(builder);
	assert_int_equal(profile->sample_count, 2);
	assert_int_equal(profile->samples[0].depth, 2);
	assert_int_equal(profile->samples[0].locations[0], 0);
	assert_int_equal(profile->samples[0].locations[1], 1);
	assert_int_equal(profile->samples[0].values[0], 3);
	assert_int_equal(profile->samples[0].values[1], -4);
	assert_int_equal(profile->samples[0].labels[0].number, 16);
	assert_int_equal(profile->samples[1].depth, 0);
	assert_int_equal(profile__total(profile, 0), 102);
	assert_int_equal(profile__total(profile, 1), -8);
	profile__free(profile);
}

static void mappings_and_comments_keep_their_order(void **state)
{
	struct profile_builder *builder = profile_builder__new();
	struct profile_mapping mapping = {
		.start = 0x1000,
		.limit = 0x2000,
		.file_offset = 0x100,
		.file = profile_builder__string(builder, "/bin/true"),
		.build_id = profile_builder__string(builder, "abcd"),
		.has_functions = true,
	};
	const struct profile *profile;

	(void)state;
	assert_int_equal(profile_builder__mapping(builder, &mapping), 0);
	mapping.start = 0x3000;
	assert_int_equal(profile_builder__mapping(builder, &mapping), 1);
	profile_builder__comment(builder, "%d of %s", 1, "two");
	profile_builder__comment(builder, "second");
	profile_builder__comment(builder, "second");
	profile = profile_builder__freeze(builder);
	assert_int_equal(profile->mapping_count, 2);
	assert_int_equal(profile->mappings[0].start, 0x1000);
	assert_int_equal(profile->mappings[1].start, 0x3000);
	assert_int_equal(profile->mappings[1].limit, 0x2000);
	assert_int_equal(profile->mappings[1].file_offset, 0x100);
	assert_string_equal(text_of(profile, profile->mappings[1].file), "/bin/true");
	assert_string_equal(text_of(profile, profile->mappings[1].build_id), "abcd");
	assert_true(profile->mappings[1].has_functions);
	assert_int_equal(profile->comment_count, 3);
	assert_string_equal(text_of(profile, profile->comments[0]), "1 of two");
	assert_string_equal(text_of(profile, profile->comments[1]), "second");
	assert_string_equal(text_of(profile, profile->comments[2]), "second");
	profile__free(profile);
}

static void a_builder_can_be_thrown_away(void **state)
{
	struct profile_builder *builder = profile_builder__new();
	uint32_t note = profile_builder__note(builder, "[lost]");

	(void)state;
	profile_builder__type(builder, "a", "count", false);
	profile_builder__sample(builder, &note, 1, (int64_t[]){1}, NULL, 0);
	profile_builder__comment(builder, "never read");
	profile_builder__free(builder);
	profile_builder__free(NULL);
	profile__free(NULL);
}

static void a_total_that_does_not_fit_is_the_nearest_number(void **state)
{
	struct profile_builder *builder = profile_builder__new();
	const struct profile *profile;

	(void)state;
	assert_non_null(builder);
	profile_builder__type(builder, "a", "count", true);
	profile_builder__type(builder, "b", "count", false);
	for (int i = 0; i < 2; i++)
		profile_builder__sample(builder, NULL, 0, (int64_t[]){INT64_MAX, INT64_MIN}, NULL,
					0);
	profile = profile_builder__freeze(builder);
	assert_non_null(profile);
	assert_true(profile__total(profile, 0) == INT64_MAX);
	assert_true(profile__total(profile, 1) == INT64_MIN);
	profile__free(profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_profile_has_the_empty_string),
		cmocka_unit_test(equal_strings_become_one),
		cmocka_unit_test(the_head_is_as_it_was_said),
		cmocka_unit_test(one_type_too_many_fails_when_frozen),
		cmocka_unit_test(the_first_error_sticks_through_what_comes_after),
		cmocka_unit_test(equal_functions_become_one),
		cmocka_unit_test(a_location_is_known_by_mapping_address_and_function),
		cmocka_unit_test(an_added_location_is_never_one_that_was_there),
		cmocka_unit_test(the_lines_of_a_location_stay_in_order),
		cmocka_unit_test(a_note_is_a_location_without_code),
		cmocka_unit_test(a_sample_is_a_copy),
		cmocka_unit_test(mappings_and_comments_keep_their_order),
		cmocka_unit_test(a_builder_can_be_thrown_away),
		cmocka_unit_test(a_total_that_does_not_fit_is_the_nearest_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
