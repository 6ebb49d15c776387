/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "built.h"

#define HEAD \
	"{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\"exporter\":\"exoprof\","

static struct profile_builder *new_builder(void)
{
	struct profile_builder *builder = profile_builder__new();

	assert_non_null(builder);
	profile_builder__type(builder, "samples", "count", false);
	profile_builder__type(builder, "cpu", "nanoseconds", true);
	return builder;
}

static struct profile_line make_line(struct profile_builder *builder, const char *name,
				     const char *file, int64_t start_line)
{
	struct profile_function function = {
		.name = profile_builder__string(builder, name),
		.file = profile_builder__string(builder, file),
		.start_line = start_line,
	};

	return (struct profile_line){profile_builder__function(builder, &function), 99};
}

static uint32_t add_frame(struct profile_builder *builder, const char *name)
{
	struct profile_line line = make_line(builder, name, "", 0);

	return profile_builder__location(builder, PROFILE_NO_MAPPING, 0x1000 + line.function,
					 FRAME_APP, &line, 1);
}

static void add(struct profile_builder *builder, const uint32_t *leaf_first, uint32_t depth,
		int64_t count, int64_t ns)
{
	profile_builder__sample(builder, leaf_first, depth, (int64_t[]){count, ns}, NULL, 0);
}

static void assert_has(struct profile_builder *builder, const char *part)
{
	char *text = built_text(builder, export_speedscope);

	if (!strstr(text, part))
		fail_msg("%s is not in %s", part, text);
	free(text);
}

static void each_type_is_a_profile_and_the_shown_one_is_active(void **state)
{
	struct profile_builder *builder = new_builder();
	uint32_t stack[] = {add_frame(builder, "work"), add_frame(builder, "main")};
	char *text;

	(void)state;
	add(builder, stack, 2, 3, 30);
	add(builder, stack + 1, 1, 1, 12);
	text = built_text(builder, export_speedscope);
	assert_string_equal(
		text,
		HEAD "\"activeProfileIndex\":1,\"shared\":{\"frames\":["
		     "{\"name\":\"work\"},{\"name\":\"main\"},{\"name\":\"[unknown]\"}]},"
		     "\"profiles\":[{\"type\":\"sampled\",\"name\":\"samples\",\"unit\":\"none\","
		     "\"startValue\":0,\"endValue\":4,\"samples\":[[1,0],[1]],\"weights\":[3,1]},"
		     "{\"type\":\"sampled\",\"name\":\"cpu\",\"unit\":\"nanoseconds\","
		     "\"startValue\":0,\"endValue\":42,\"samples\":[[1,0],[1]],"
		     "\"weights\":[30,12]}]}\n");
	free(text);
}

static void a_frame_has_its_file_and_where_it_begins(void **state)
{
	struct profile_builder *builder = new_builder();

	(void)state;
	make_line(builder, "work", "/src/work.c", 12);
	assert_has(builder, "{\"name\":\"work\",\"file\":\"/src/work.c\",\"line\":12}");
}

static void inlined_functions_are_frames(void **state)
{
	struct profile_builder *builder = new_builder();
	struct profile_line lines[] = {
		make_line(builder, "innermost", "", 0),
		make_line(builder, "middle", "", 0),
		make_line(builder, "outer", "", 0),
	};
	uint32_t location =
		profile_builder__location(builder, PROFILE_NO_MAPPING, 0x10, FRAME_APP, lines, 3);

	(void)state;
	add(builder, &location, 1, 1, 1);
	assert_has(builder, "\"samples\":[[2,1,0]]");
}

static void what_has_no_value_is_left_out(void **state)
{
	struct profile_builder *builder = new_builder();
	uint32_t frame = add_frame(builder, "main");

	(void)state;
	add(builder, &frame, 1, 0, 7);
	add(builder, &frame, 1, 5, -7);
	assert_has(builder,
		   "\"endValue\":5,\"samples\":[[0]],\"weights\":[5]},{\"type\":\"sampled\","
		   "\"name\":\"cpu\",\"unit\":\"nanoseconds\",\"startValue\":0,"
		   "\"endValue\":7,\"samples\":[[0]],\"weights\":[7]}");
}

static void what_has_no_name_is_unknown(void **state)
{
	struct profile_builder *builder = new_builder();
	uint32_t nameless[] = {
		profile_builder__location(builder, PROFILE_NO_MAPPING, 0x10, FRAME_UNKNOWN, NULL,
					  0),
		add_frame(builder, ""),
	};

	(void)state;
	add(builder, nameless, 2, 1, 1);
	add(builder, NULL, 0, 1, 1);
	assert_has(builder, "{\"frames\":[{\"name\":\"[unknown]\"},{\"name\":\"[unknown]\"}]},"
			    "\"profiles\":[{\"type\":\"sampled\",\"name\":\"samples\",\"unit\":"
			    "\"none\",\"startValue\":0,\"endValue\":2,\"samples\":[[0,1],[1]],");
}

static void names_cannot_leave_their_strings(void **state)
{
	struct profile_builder *builder = new_builder();

	(void)state;
	add_frame(builder, "a\"],\\\n\x01\x1f</script>");
	assert_has(builder, "{\"name\":\"a\\\"],\\\\\\n\\u0001\\u001F</script>\"}");
}

static void bytes_that_are_no_utf8_are_replaced(void **state)
{
	struct profile_builder *builder = new_builder();

	(void)state;
	/* A lone lead byte, an overlong slash, a surrogate; then two, three and four good bytes. */
	add_frame(builder, "\xc3|\xc0\xaf|\xed\xa0\x80|\xc3\xa9\xe5\x90\x8d\xf0\x9f\x94\xa5");
	assert_has(builder, "\"\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd|"
			    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|"
			    "\xc3\xa9\xe5\x90\x8d\xf0\x9f\x94\xa5\"");
}

static void units_are_those_that_speedscope_knows(void **state)
{
	static const char *const units[][2] = {
		{"bytes",   "\"unit\":\"bytes\""  },
		{"seconds", "\"unit\":\"seconds\""},
		{"count",   "\"unit\":\"none\""   },
		{"goats",   "\"unit\":\"none\""   },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		struct profile_builder *builder = profile_builder__new();

		profile_builder__type(builder, "what", units[i][0], true);
		assert_has(builder, units[i][1]);
	}
}

static void sums_do_not_wrap(void **state)
{
	struct profile_builder *builder = new_builder();
	uint32_t frame = add_frame(builder, "main");

	(void)state;
	add(builder, &frame, 1, INT64_MAX, 1);
	add(builder, &frame, 1, 5, 1);
	assert_has(builder, "\"endValue\":9223372036854775807");
}

static void the_title_is_the_files_name(void **state)
{
	struct profile_builder *builder = new_builder();

	(void)state;
	profile_builder__title(builder, "demo-server (pid 4242)");
	assert_has(builder, "\"name\":\"demo-server (pid 4242)\",\"exporter\"");
}

static void a_full_disk_is_an_error(void **state)
{
	const struct profile *profile = profile_builder__freeze(new_builder());
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(full);
	assert_int_equal(export_speedscope(profile, full), -EIO);
	fclose(full);
	profile__free(profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_type_is_a_profile_and_the_shown_one_is_active),
		cmocka_unit_test(a_frame_has_its_file_and_where_it_begins),
		cmocka_unit_test(inlined_functions_are_frames),
		cmocka_unit_test(what_has_no_value_is_left_out),
		cmocka_unit_test(what_has_no_name_is_unknown),
		cmocka_unit_test(names_cannot_leave_their_strings),
		cmocka_unit_test(bytes_that_are_no_utf8_are_replaced),
		cmocka_unit_test(units_are_those_that_speedscope_knows),
		cmocka_unit_test(sums_do_not_wrap),
		cmocka_unit_test(the_title_is_the_files_name),
		cmocka_unit_test(a_full_disk_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
