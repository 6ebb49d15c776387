/* SPDX-License-Identifier: Apache-2.0 */
/* Files of other tools, whole and broken. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "export/export.h"
#include "export/gzip.h"
#include "import/gunzip.h"
#include "import/import.h"
#include "profile.pb-c.h"
#include "profile/builder.h"
#include "profile/diff.h"

#define P(name) Perftools__Profiles__##name

static char why[IMPORT_WHY_BYTES];

static const struct profile *read_text(const char *text)
{
	return import__profile(text, strlen(text), NULL, why);
}

/* What the importer makes of the text, as folded stacks. */
static char *fold(const struct profile *profile)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!profile)
		fail_msg("not read: %s", why);
	assert_int_equal(export_folded(profile, out), 0);
	fclose(out);
	profile__free(profile);
	return text;
}

static void assert_folds_to(const struct profile *profile, const char *expected)
{
	char *text = fold(profile);

	assert_string_equal(text, expected);
	free(text);
}

static void assert_refused(const struct profile *profile, const char *reason)
{
	int err = errno;

	assert_null(profile);
	assert_int_equal(err, EBADMSG);
	if (!strstr(why, reason))
		fail_msg("\"%s\" does not say \"%s\"", why, reason);
	assert_null(strchr(why, '\n'));
}

static const char *kind_names(const struct profile *profile, char *letters)
{
	for (size_t i = 0; i < profile->location_count; i++)
		letters[i] = "ALJKUNC"[profile->locations[i].kind];
	letters[profile->location_count] = '\0';
	return letters;
}

/* --- pprof: a message whose ids are in no order, packed after a test has spoilt it ---------------
 */

enum string {
	EMPTY,
	CPU,
	NANOSECONDS,
	SAMPLES,
	COUNT,
	MAIN,
	WORK,
	FILE_C,
	PROGRAM,
	KERNEL,
	THREAD,
	WORKER,
	BYTES,
	COMMENT,
	STRINGS
};

static char *strings[STRINGS] = {
	"",       "cpu",          "nanoseconds",       "samples", "count",  "main",  "work",
	"work.c", "/bin/program", "[kernel.kallsyms]", "thread",  "worker", "bytes", "a comment",
};

struct message {
	P(Profile) profile;
	P(ValueType) types[20], *type_list[20], period;
	P(Mapping) mappings[2], *mapping_list[2];
	P(Function) functions[2], *function_list[2];
	P(Location) locations[3], *location_list[3];
	P(Line) lines[4], *line_list[4];
	P(Sample) samples[2], *sample_list[2];
	P(Label) labels[2], *label_list[2];
	uint64_t stacks[2][2];
	int64_t values[2][20];
	int64_t comments[1];
};

static void set_types(struct message *m)
{
	for (int i = 0; i < 20; i++) {
		perftools__profiles__value_type__init(&m->types[i]);
		m->type_list[i] = &m->types[i];
	}
	m->types[0].type = SAMPLES;
	m->types[0].unit = COUNT;
	m->types[1].type = CPU;
	m->types[1].unit = NANOSECONDS;
	perftools__profiles__value_type__init(&m->period);
	m->period.type = CPU;
	m->period.unit = NANOSECONDS;
	m->profile.n_sample_type = 2;
	m->profile.sample_type = m->type_list;
	m->profile.period_type = &m->period;
}

static void set_code(struct message *m)
{
	for (int i = 0; i < 2; i++) {
		perftools__profiles__mapping__init(&m->mappings[i]);
		perftools__profiles__function__init(&m->functions[i]);
		m->mappings[i].id = 90 - i;
		m->mappings[i].filename = i ? KERNEL : PROGRAM;
		m->functions[i].id = UINT64_MAX - i;
		m->functions[i].name = i ? WORK : MAIN;
		m->functions[i].filename = FILE_C;
		m->functions[i].start_line = 10 + i;
		m->mapping_list[i] = &m->mappings[i];
		m->function_list[i] = &m->functions[i];
	}
	m->profile.n_mapping = m->profile.n_function = 2;
	m->profile.mapping = m->mapping_list;
	m->profile.function = m->function_list;
}

static void set_locations(struct message *m)
{
	static const uint64_t ids[] = {7, 0x8000000000000000, 3};

	for (int i = 0; i < 4; i++) {
		perftools__profiles__line__init(&m->lines[i]);
		m->line_list[i] = &m->lines[i];
		m->lines[i].function_id = UINT64_MAX - (i == 1);
		m->lines[i].line = 100 + i;
	}
	for (int i = 0; i < 3; i++) {
		perftools__profiles__location__init(&m->locations[i]);
		m->locations[i].id = ids[i];
		m->locations[i].address = 0x1000;
		m->locations[i].mapping_id = i == 2 ? 0 : 90 - i;
		m->locations[i].line = m->line_list + i;
		m->locations[i].n_line = 1;
		m->location_list[i] = &m->locations[i];
	}
	m->profile.n_location = 3;
	m->profile.location = m->location_list;
}

static void set_samples(struct message *m)
{
	for (int i = 0; i < 2; i++) {
		perftools__profiles__sample__init(&m->samples[i]);
		perftools__profiles__label__init(&m->labels[i]);
		m->samples[i].location_id = m->stacks[i];
		m->samples[i].n_location_id = 2;
		m->samples[i].value = m->values[i];
		m->samples[i].n_value = 2;
		m->stacks[i][0] = i ? 3 : 0x8000000000000000;
		m->stacks[i][1] = 7;
		m->values[i][0] = 1 + i;
		m->values[i][1] = i ? -10 : 30;
		m->sample_list[i] = &m->samples[i];
		m->label_list[i] = &m->labels[i];
	}
	m->labels[0].key = THREAD;
	m->labels[0].str = WORKER;
	m->labels[1].key = m->labels[1].num_unit = BYTES;
	m->labels[1].num = -4096;
	m->samples[0].label = m->label_list;
	m->samples[0].n_label = 2;
	m->profile.n_sample = 2;
	m->profile.sample = m->sample_list;
}

static struct message *new_message(void)
{
	struct message *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	perftools__profiles__profile__init(&m->profile);
	m->profile.n_string_table = STRINGS;
	m->profile.string_table = strings;
	set_types(m);
	set_code(m);
	set_locations(m);
	set_samples(m);
	m->profile.period = 10;
	m->profile.time_nanos = 111;
	m->profile.duration_nanos = 222;
	m->profile.drop_frames = WORK;
	m->profile.keep_frames = WORKER;
	m->comments[0] = COMMENT;
	m->profile.comment = m->comments;
	m->profile.n_comment = 1;
	return m;
}

/* The message is gone. */
static const struct profile *read_showing(struct message *m, const char *sample_index)
{
	size_t size = perftools__profiles__profile__get_packed_size(&m->profile);
	uint8_t *bytes = malloc(size);
	const struct profile *profile;

	assert_non_null(bytes);
	perftools__profiles__profile__pack(&m->profile, bytes);
	free(m);
	profile = import__profile(bytes, size, sample_index, why);
	free(bytes);
	return profile;
}

static const struct profile *read_message(struct message *m)
{
	return read_showing(m, NULL);
}

static void pprof_is_read_whole(void **state)
{
	const struct profile *profile = read_message(new_message());
	const struct profile_sample *sample;
	const struct profile_location *location;

	(void)state;
	assert_non_null(profile);
	assert_int_equal(profile->type_count, 2);
	assert_string_equal(profile->strings[profile->types[1].type], "cpu");
	assert_int_equal(profile->shown_type, 1);
	assert_int_equal(profile->period, 10);
	assert_int_equal(profile->time_ns, 111);
	assert_int_equal(profile->duration_ns, 222);
	assert_int_equal(profile->comment_count, 1);
	assert_string_equal(profile->strings[profile->comments[0]], "a comment");
	assert_string_equal(profile->strings[profile->title], "program");
	assert_string_equal(profile->strings[profile->kind], "profile");
	assert_int_equal(profile->sample_count, 2);
	sample = &profile->samples[0];
	assert_int_equal(sample->values[0], 1);
	assert_int_equal(sample->values[1], 30);
	assert_int_equal(profile->samples[1].values[1], -10);
	assert_int_equal(sample->depth, 2);
	location = &profile->locations[sample->locations[0]];
	assert_string_equal(profile__line_name(profile, &profile->lines[location->first_line]),
			    "work");
	assert_int_equal(profile->lines[location->first_line].line, 101);
	assert_int_equal(location->address, 0x1000);
	assert_int_equal(sample->label_count, 2);
	assert_string_equal(profile->strings[sample->labels[0].key], "thread");
	assert_string_equal(profile->strings[sample->labels[0].text], "worker");
	assert_int_equal(sample->labels[1].number, -4096);
	assert_string_equal(profile->strings[sample->labels[1].unit], "bytes");
	profile__free(profile);
}

/* Mapping, address and first function are the same: only the line is not. */
static void what_pprof_leaves_out_stays_said(void **state)
{
	const struct profile *profile = read_message(new_message()), *diff;
	struct diff_options options = {.title = "", .widths = DIFF_AFTER};

	(void)state;
	assert_non_null(profile);
	assert_string_equal(profile->strings[profile->drop_frames], "work");
	assert_string_equal(profile->strings[profile->keep_frames], "worker");
	diff = profile__diff(profile, profile, &options);
	assert_non_null(diff);
	assert_string_equal(diff->strings[diff->drop_frames], "work");
	assert_string_equal(diff->strings[diff->keep_frames], "worker");
	profile__free(diff);
	profile__free(profile);
}

static void locations_that_differ_in_a_line_stay_two(void **state)
{
	struct message *m = new_message();
	const struct profile *profile;

	(void)state;
	m->locations[2].mapping_id = m->locations[0].mapping_id;
	profile = read_message(m);
	assert_non_null(profile);
	assert_int_equal(profile->location_count, 3);
	assert_int_equal(profile->lines[profile->locations[0].first_line].line, 100);
	assert_int_equal(profile->lines[profile->locations[2].first_line].line, 102);
	profile__free(profile);
}

static void a_frame_is_of_the_kind_that_its_mapping_and_name_tell(void **state)
{
	/* The last: another process of the same program. */
	static const struct {
		char *name, *file;
		const char *kinds;
	} cases[] = {
		{"work",             "[kernel.kallsyms]",             "AKC"},
		{"work",             "/lib/libc.so.6",                "ALC"},
		{"work",             "//anon",                        "AJC"},
		{"work",             "",			      "AJC"},
		{"work",             "/dev/zero (deleted)",           "AJC"},
		{"work",             "/memfd:doublemapper (deleted)", "AJC"},
		{"[libc.so.6+0x12]", "/lib/libc.so.6",                "AUC"},
		{"[kernel+0x12]",    "[kernel]",                      "AKC"},
		{"work",             "/bin/program",                  "AAC"},
	};
	char letters[8];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *own_strings[STRINGS];
		struct message *m = new_message();
		const struct profile *profile;

		memcpy(own_strings, strings, sizeof(strings));
		own_strings[WORK] = cases[i].name;
		own_strings[KERNEL] = cases[i].file;
		m->profile.string_table = own_strings;
		profile = read_message(m);
		assert_non_null(profile);
		assert_string_equal(kind_names(profile, letters), cases[i].kinds);
		profile__free(profile);
	}
}

static void a_location_without_a_line_is_unknown(void **state)
{
	struct message *m = new_message();

	(void)state;
	m->locations[1].n_line = 0;
	m->values[1][1] = 0;
	assert_folds_to(read_message(m), "main;[unknown] 30\n");
}

static void the_shown_type_can_be_chosen(void **state)
{
	struct message *m = new_message();

	(void)state;
	assert_folds_to(read_showing(new_message(), "samples"), "main;main 2\nmain;work 1\n");
	assert_folds_to(read_showing(new_message(), "0"), "main;main 2\nmain;work 1\n");
	m->profile.default_sample_type = SAMPLES;
	assert_folds_to(read_message(m), "main;main 2\nmain;work 1\n");
	assert_folds_to(read_message(new_message()), "main;work 30\n");
	assert_refused(read_showing(new_message(), "goats"), "'goats', but samples, cpu");
	assert_refused(read_showing(new_message(), "2"), "'2'");
	assert_refused(read_showing(new_message(), "-1"), "'-1'");
	assert_refused(read_showing(new_message(), ""), "''");
}

static void sixteen_types_are_read_and_not_one_more(void **state)
{
	struct message *m = new_message();
	const struct profile *profile;

	(void)state;
	m->profile.n_sample_type = m->samples[0].n_value = m->samples[1].n_value = 16;
	m->values[0][15] = 77;
	profile = read_message(m);
	assert_non_null(profile);
	assert_int_equal(profile->samples[0].values[15], 77);
	profile__free(profile);
	m = new_message();
	m->profile.n_sample_type = m->samples[0].n_value = m->samples[1].n_value = 17;
	assert_refused(read_message(m), "17 sample types, and 16 is the most");
	m = new_message();
	m->profile.n_sample_type = m->samples[0].n_value = m->samples[1].n_value = 0;
	assert_refused(read_message(m), "no sample type");
}

/* Each sets one index, id or count to what it must not be. */
static void spoil_type(struct message *m)
{
	m->types[1].type = STRINGS;
}

static void spoil_unit(struct message *m)
{
	m->types[0].unit = -1;
}

static void spoil_default(struct message *m)
{
	m->profile.default_sample_type = INT64_MAX;
}

static void spoil_period(struct message *m)
{
	m->period.unit = STRINGS;
}

static void spoil_comment(struct message *m)
{
	m->comments[0] = INT64_MIN;
}

static void spoil_drop(struct message *m)
{
	m->profile.drop_frames = STRINGS;
}

static void spoil_keep(struct message *m)
{
	m->profile.keep_frames = -1;
}

static void spoil_mapping_file(struct message *m)
{
	m->mappings[1].filename = STRINGS;
}

static void spoil_build_id(struct message *m)
{
	m->mappings[0].build_id = STRINGS;
}

static void spoil_function_name(struct message *m)
{
	m->functions[0].name = STRINGS;
}

static void spoil_system_name(struct message *m)
{
	m->functions[0].system_name = STRINGS;
}

static void spoil_function_file(struct message *m)
{
	m->functions[1].filename = -1;
}

static void spoil_label_key(struct message *m)
{
	m->labels[1].key = STRINGS;
}

static void spoil_label_text(struct message *m)
{
	m->labels[1].str = STRINGS;
}

static void spoil_label_unit(struct message *m)
{
	m->labels[1].num_unit = STRINGS;
}

static void spoil_location_of_sample(struct message *m)
{
	m->stacks[1][1] = 8;
}

static void spoil_location_zero(struct message *m)
{
	m->stacks[1][1] = 0;
}

static void spoil_mapping_of_location(struct message *m)
{
	m->locations[1].mapping_id = 88;
}

static void spoil_function_of_line(struct message *m)
{
	m->lines[0].function_id = 5;
}

static void spoil_value_count(struct message *m)
{
	m->samples[1].n_value = 1;
}

static void spoil_mapping_ids(struct message *m)
{
	m->mappings[1].id = m->mappings[0].id;
}

static void spoil_function_ids(struct message *m)
{
	m->functions[1].id = m->functions[0].id;
}

static void spoil_location_id(struct message *m)
{
	m->locations[2].id = 0;
}

static void what_is_wrong_in_pprof_is_told(void **state)
{
	static const struct {
		void (*spoil)(struct message *m);
		const char *reason;
	} cases[] = {
		{spoil_type,                "string 14, and has 14 strings"                },
		{spoil_unit,                "string -1"                                    },
		{spoil_default,             "string 9223372036854775807"                   },
		{spoil_period,              "string 14"                                    },
		{spoil_comment,             "string -9223372036854775808"                  },
		{spoil_drop,                "string 14"                                    },
		{spoil_keep,                "string -1"                                    },
		{spoil_mapping_file,        "string 14"                                    },
		{spoil_build_id,            "string 14"                                    },
		{spoil_function_name,       "string 14"                                    },
		{spoil_system_name,         "string 14"                                    },
		{spoil_function_file,       "string -1"                                    },
		{spoil_label_key,           "string 14"                                    },
		{spoil_label_text,          "string 14"                                    },
		{spoil_label_unit,          "string 14"                                    },
		{spoil_location_of_sample,  "sample 2 has location 8"                      },
		{spoil_location_zero,       "sample 2 has location 0"                      },
		{spoil_mapping_of_location, "location 9223372036854775808 is in mapping 88"},
		{spoil_function_of_line,    "location 7 is in function 5"                  },
		{spoil_value_count,         "sample 2 has 1 values, and there are 2 types" },
		{spoil_mapping_ids,         "two mappings have one id"                     },
		{spoil_function_ids,        "two functions have one id"                    },
		{spoil_location_id,         "two locations have one id, or one has none"   },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct message *m = new_message();

		cases[i].spoil(m);
		assert_refused(read_message(m), cases[i].reason);
	}
}

static void the_first_string_is_empty(void **state)
{
	char *own_strings[STRINGS];
	struct message *m = new_message();

	(void)state;
	memcpy(own_strings, strings, sizeof(strings));
	own_strings[0] = "x";
	m->profile.string_table = own_strings;
	assert_refused(read_message(m), "first string");
}

/* A line is 2 bytes in the file, and many times that once it is unpacked. */
static void what_grows_too_much_in_memory_is_refused(void **state)
{
	size_t lines = 48 << 20, size = 2 * lines + 32, at = 0;
	uint8_t *bytes = calloc(1, size);

	(void)state;
	assert_non_null(bytes);
	/* A location (field 4) of `lines` empty lines (its field 4). */
	bytes[at++] = 0x22;
	for (size_t rest = 2 * lines; rest; rest >>= 7)
		bytes[at++] = (rest & 0x7f) | (rest >> 7 ? 0x80 : 0);
	for (size_t i = 0; i < lines; i++, at += 2)
		bytes[at] = 0x22;
	assert_refused(import__profile(bytes, at, NULL, why), "MiB to unpack");
	free(bytes);
}

/* One location of many lines, named many times: 2^32 frames and some more, from a few KiB. */
static void frames_have_a_limit_all_in_all(void **state)
{
	enum { LINES = 65536, DEPTH = 65537 };
	struct message *m = new_message();
	P(Line) **lines = calloc(LINES, sizeof(*lines));
	uint64_t *stack = calloc(DEPTH, sizeof(*stack));

	(void)state;
	assert_non_null(lines);
	assert_non_null(stack);
	for (size_t i = 0; i < LINES; i++)
		lines[i] = &m->lines[0];
	for (size_t i = 0; i < DEPTH; i++)
		stack[i] = m->locations[0].id;
	m->locations[0].n_line = LINES;
	m->locations[0].line = lines;
	m->samples[0].n_location_id = DEPTH;
	m->samples[0].location_id = stack;
	assert_refused(read_message(m), "more than 268435456 frames");
	free(lines);
	free(stack);
}

/* --- gzip ----------------------------------------------------------------------------------------
 */

static char *compress_text(const char *text, size_t size, size_t *compressed_size)
{
	char *bytes = NULL;
	FILE *out = open_memstream(&bytes, compressed_size);

	assert_int_equal(gzip__write(out, text, size), 0);
	fclose(out);
	return bytes;
}

static void anything_may_be_gzipped(void **state)
{
	size_t size;
	char *bytes = compress_text("main;work 42\n", 13, &size);

	(void)state;
	assert_folds_to(import__profile(bytes, size, NULL, why), "main;work 42\n");
	assert_refused(import__profile(bytes, size - 9, NULL, why), "gzip data is damaged");
	bytes[size - 6] ^= 1;
	assert_refused(import__profile(bytes, size, NULL, why), "gzip data is damaged");
	free(bytes);
}

static void members_of_gzip_follow_each_other(void **state)
{
	size_t size, twice;
	char *bytes = compress_text("main;work 42\n", 13, &size), *two = NULL;
	FILE *out = open_memstream(&two, &twice);

	(void)state;
	fwrite(bytes, 1, size, out);
	fwrite(bytes, 1, size, out);
	fclose(out);
	assert_folds_to(import__profile(two, twice, NULL, why), "main;work 84\n");
	free(two);
	free(bytes);
}

static void zeros_behind_gzip_are_ignored_and_nothing_else(void **state)
{
	size_t size;
	char *bytes = compress_text("main;work 42\n", 13, &size);

	(void)state;
	bytes = realloc(bytes, size + 100);
	assert_non_null(bytes);
	memset(bytes + size, 0, 100);
	assert_folds_to(import__profile(bytes, size + 1, NULL, why), "main;work 42\n");
	assert_folds_to(import__profile(bytes, size + 100, NULL, why), "main;work 42\n");
	bytes[size + 99] = 1;
	assert_refused(import__profile(bytes, size + 100, NULL, why), "gzip data is damaged");
	free(bytes);
}

static void what_inflates_has_a_limit(void **state)
{
	static char zeros[100000];
	size_t size, out_size = 0;
	char *bytes = compress_text(zeros, sizeof(zeros), &size);
	unsigned char *out = NULL;

	(void)state;
	assert_int_equal(gunzip((unsigned char *)bytes, size, sizeof(zeros) - 1, &out, &out_size),
			 -EFBIG);
	assert_int_equal(gunzip((unsigned char *)bytes, size, sizeof(zeros), &out, &out_size), 0);
	assert_int_equal(out_size, sizeof(zeros));
	assert_memory_equal(out, zeros, sizeof(zeros));
	free(out);
	free(bytes);
}

/* --- folded stacks -------------------------------------------------------------------------------
 */

static void folded_stacks_are_read(void **state)
{
	(void)state;
	assert_folds_to(read_text("main;work;malloc 42\nmain 7\r\n\n  \nmain;work;malloc 1"),
			"main 7\nmain;work;malloc 43\n");
	assert_folds_to(read_text("operator new(unsigned long);a b 3\n"),
			"operator new(unsigned long);a b 3\n");
	assert_folds_to(read_text("half 2.5\nmore 2.6\n"), "half 2\nmore 3\n");
	assert_folds_to(read_text(";a;;b 1\n"), "[unknown];a;[unknown];b 1\n");
}

static void a_folded_name_tells_what_it_is(void **state)
{
	const struct profile *profile = read_text("main;sys_read_[k];jitted_[j];inlined_[i];"
						  "[lost];[truncated: no mapping];[libc.so+0x1];"
						  "0x7f00;[unknown];[no stack];[short waits];"
						  "[created before attach] 1\n");
	char letters[16];

	(void)state;
	assert_non_null(profile);
	assert_string_equal(kind_names(profile, letters), "CKJCNNUUUNNN");
	assert_folds_to(profile, "main;sys_read;jitted;inlined;[lost];[truncated: no mapping];"
				 "[libc.so+0x1];0x7f00;[unknown];[no stack];[short waits];"
				 "[created before attach] 1\n");
}

static void what_is_wrong_in_folded_stacks_is_told(void **state)
{
	(void)state;
	assert_refused(read_text("main 1\nmain;work\n"), "line 2 ");
	assert_refused(read_text("main 1\n\nmain work\n"), "line 3 ");
	assert_refused(read_text("42\n"), "line 1 ");
	assert_refused(read_text("main 1x\n"), "line 1 ");
	assert_refused(read_text("main 1.x\n"), "line 1 ");
	assert_refused(read_text("main -\n"), "line 1 ");
	assert_refused(read_text("main 99999999999999999999\n"), "line 1 ");
	assert_refused(import__profile("", 0, NULL, why), "empty");
	assert_refused(read_text("PERFILE2xxxx"), "perf script");
}

/* --- speedscope ----------------------------------------------------------------------------------
 */

#define FRAMES \
	"\"shared\":{\"frames\":[{\"name\":\"main\",\"file\":\"m.c\",\"line\":7},{\"name\":\"work\"}]}"
#define SAMPLED(unit, samples, weights)                           \
	"{\"type\":\"sampled\",\"name\":\"one\",\"unit\":\"" unit \
	"\",\"startValue\":0,\"endValue\":9,"                     \
	"\"samples\":[" samples "],\"weights\":[" weights "]}"
#define EVENTED(events)                                                                      \
	"{\"type\":\"evented\",\"name\":\"two\",\"unit\":\"milliseconds\",\"startValue\":1," \
	"\"endValue\":9,\"events\":[" events "]}"
#define SCOPE(profiles) \
	"{\"other\":[{\"shared\":[1]},null,true],\"profiles\":[" profiles "]," FRAMES "}"
#define OPEN(frame, at)  "{\"type\":\"O\",\"frame\":" frame ",\"at\":" at "}"
#define CLOSE(frame, at) "{\"at\":" at ",\"frame\":" frame ",\"type\":\"C\"}"

static void sampled_speedscope_is_read(void **state)
{
	const struct profile *profile =
		read_text(SCOPE(SAMPLED("bytes", "[0],[0,1],[],[0]", "1,20,3,4e2")));

	(void)state;
	assert_non_null(profile);
	assert_string_equal(profile->strings[profile->types[0].type], "space");
	assert_string_equal(profile->strings[profile->types[0].unit], "bytes");
	assert_int_equal(profile->lines[0].line, 7);
	assert_string_equal(profile->strings[profile->functions[0].file], "m.c");
	assert_folds_to(profile, "[unknown] 3\nmain 401\nmain;work 20\n");
}

static void evented_speedscope_is_read(void **state)
{
	(void)state;
	assert_folds_to(read_text(SCOPE(EVENTED(OPEN("0", "2.5") "," OPEN("1", "3") "," CLOSE(
				"1", "5.25") "," CLOSE("0", "6")))),
			"main 1250000\nmain;work 2250000\n");
}

/* Frames 0 to OPEN_FRAMES - 1 are opened; then, over and over, one of `leaves` above them. */
enum { OPEN_FRAMES = 4000 };

static char *deep_events(int leaves, int events)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fputs("{\"shared\":{\"frames\":[{}", out);
	for (int i = 1; i < OPEN_FRAMES + leaves; i++)
		fputs(",{}", out);
	fputs("]},\"profiles\":[{\"type\":\"evented\",\"unit\":\"none\",\"events\":[", out);
	for (int i = 0; i < OPEN_FRAMES; i++)
		fprintf(out, "{\"type\":\"O\",\"frame\":%d,\"at\":0},", i);
	for (int i = 0; i < events; i++)
		fprintf(out, "%s" OPEN("%d", "%d") "," CLOSE("%d", "%d"), i ? "," : "",
			OPEN_FRAMES + i % leaves, i, i + 1, OPEN_FRAMES + i % leaves);
	fputs("]}]}", out);
	fclose(out);
	return text;
}

/* A copy of the stack at each event took 10 s for 7 MB. */
static void deep_stacks_cost_by_their_events(void **state)
{
	char *text = deep_events(2, 100000);
	clock_t start = clock();
	const struct profile *profile = read_text(text);

	(void)state;
	if (!profile)
		fail_msg("not read: %s", why);
	assert_true(clock() - start < 5 * CLOCKS_PER_SEC);
	assert_int_equal(profile->sample_count, 2);
	assert_int_equal(profile->samples[0].depth, OPEN_FRAMES + 1);
	assert_int_equal(profile->samples[0].values[0], 50000);
	profile__free(profile);
	free(text);
	text = deep_events(70000, 70000);
	assert_refused(read_text(text), "more than 268435456 frames");
	free(text);
}

static void threads_become_labels_and_units_types(void **state)
{
	const struct profile *profile =
		read_text(SCOPE(SAMPLED("seconds", "[0]", "0.5") "," EVENTED(
			OPEN("1", "1") "," CLOSE("1", "2")) "," SAMPLED("none", "[0]", "3")));
	const struct profile_sample *samples;

	(void)state;
	assert_non_null(profile);
	assert_int_equal(profile->type_count, 2);
	assert_string_equal(profile->strings[profile->types[0].unit], "nanoseconds");
	assert_string_equal(profile->strings[profile->types[1].unit], "count");
	assert_int_equal(profile->shown_type, 0);
	assert_int_equal(profile->sample_count, 3);
	samples = profile->samples;
	assert_int_equal(samples[0].values[0], 500000000);
	assert_string_equal(profile->strings[samples[1].labels[0].text], "two");
	assert_int_equal(samples[2].values[0], 0);
	assert_int_equal(samples[2].values[1], 3);
	profile__free(profile);
}

static void what_is_wrong_in_speedscope_is_told(void **state)
{
	static const struct {
		const char *text, *reason;
	} cases[] = {
		{"{}",                     "no profiles"            },
		{"{",		      "JSON: "                 },
		{"{\"a\":1}x",             "JSON: "                 },
		{"{\"a\":\"\xff\"}",       "JSON: "                 },
		{SCOPE(SAMPLED("goats",    "",                        "")), "profile 0 has no unit"},
		{SCOPE(SAMPLED("none", "[0]",                          "")), "1 samples, but 0 weights"},
		{SCOPE(SAMPLED("none",                   "[2]",               "1")), "frame 2, and has 2"},
		{SCOPE(SAMPLED("none",                        "[-1]",                              "1")), "frame -1"},
		{SCOPE(SAMPLED("none",                   "[0.5]",          "1")), "frame 0.5"},
		{SCOPE(SAMPLED("none",     "[0]", "1e300")), "does not fit"},
		{SCOPE(SAMPLED("seconds",              "[0]",                                       "1e10")), "does not fit"},
		{SCOPE(SAMPLED("none","[0],[0]",          "9e18,9e18")), "add up to more"},
		{SCOPE(EVENTED(CLOSE("0",                        "2"))),                              "closes a frame"},
		{SCOPE(EVENTED(OPEN("0",               "2") "," CLOSE("1",                          "3"))), "closes a frame"},
		{SCOPE(EVENTED(OPEN("0",  "3") "," CLOSE("0",         "2"))), "order of time"},
		{SCOPE(EVENTED(OPEN("7",          "3"))),                                   "has no frame"},
		{SCOPE("{\"unit\":\"none\"}"),                 "neither sampled"                   },
		{"{\"profiles\":[{\"weights\":[11111111111111111111111111111111111111111111111"
		 "111111111111111111111111111]}]}",			"digits"			  },
	};
	char deep[300];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_refused(read_text(cases[i].text), cases[i].reason);
	memset(deep, '[', sizeof(deep));
	memcpy(deep, "{\"a\":", 5);
	assert_refused(import__profile(deep, sizeof(deep), NULL, why), "too deep");
}

/* --- there and back ------------------------------------------------------------------------------
 */

static char *export(const struct profile *profile, const char *format, size_t *size)
{
	char *bytes = NULL;
	FILE *out = open_memstream(&bytes, size);

	if (!profile)
		fail_msg("not read: %s", why);
	assert_int_equal(format__by_name(format)->write(profile, out), 0);
	fclose(out);
	profile__free(profile);
	return bytes;
}

static void pprof_there_and_back_is_the_same(void **state)
{
	size_t size, again_size;
	char *bytes = export(read_message(new_message()), "pprof", &size);
	char *again = export(import__profile(bytes, size, NULL, why), "pprof", &again_size);

	(void)state;
	assert_int_equal(size, again_size);
	assert_memory_equal(bytes, again, size);
	free(bytes);
	free(again);
}

static void speedscope_there_and_back_keeps_all_values(void **state)
{
	size_t size;
	char *bytes = export(read_message(new_message()), "speedscope", &size);

	(void)state;
	assert_folds_to(import__profile(bytes, size, "samples", why), "main;main 2\nmain;work 1\n");
	assert_folds_to(import__profile(bytes, size, NULL, why), "main;work 30\n");
	free(bytes);
}

static void what_is_known_from_elsewhere_is_kept(void **state)
{
	struct import_facts facts = {
		.title = "demo (pid 42)",
		.kind = "mutex",
		.outcome = {.whole = 1, .truncated = 2, .lost_stacks = 3, .lost = 4},
	};
	const struct profile *profile;
	size_t size;
	char *bytes = export(read_message(new_message()), "pprof", &size);

	(void)state;
	profile = import__kept(bytes, size, NULL, &facts, why);
	assert_non_null(profile);
	assert_string_equal(profile->strings[profile->title], "demo (pid 42)");
	assert_string_equal(profile->strings[profile->kind], "mutex");
	assert_memory_equal(&profile->outcome, &facts.outcome, sizeof(facts.outcome));
	profile__free(profile);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pprof_is_read_whole),
		cmocka_unit_test(what_pprof_leaves_out_stays_said),
		cmocka_unit_test(locations_that_differ_in_a_line_stay_two),
		cmocka_unit_test(a_frame_is_of_the_kind_that_its_mapping_and_name_tell),
		cmocka_unit_test(a_location_without_a_line_is_unknown),
		cmocka_unit_test(the_shown_type_can_be_chosen),
		cmocka_unit_test(sixteen_types_are_read_and_not_one_more),
		cmocka_unit_test(what_is_wrong_in_pprof_is_told),
		cmocka_unit_test(the_first_string_is_empty),
		cmocka_unit_test(what_grows_too_much_in_memory_is_refused),
		cmocka_unit_test(frames_have_a_limit_all_in_all),
		cmocka_unit_test(anything_may_be_gzipped),
		cmocka_unit_test(members_of_gzip_follow_each_other),
		cmocka_unit_test(zeros_behind_gzip_are_ignored_and_nothing_else),
		cmocka_unit_test(what_inflates_has_a_limit),
		cmocka_unit_test(folded_stacks_are_read),
		cmocka_unit_test(a_folded_name_tells_what_it_is),
		cmocka_unit_test(what_is_wrong_in_folded_stacks_is_told),
		cmocka_unit_test(sampled_speedscope_is_read),
		cmocka_unit_test(evented_speedscope_is_read),
		cmocka_unit_test(deep_stacks_cost_by_their_events),
		cmocka_unit_test(threads_become_labels_and_units_types),
		cmocka_unit_test(what_is_wrong_in_speedscope_is_told),
		cmocka_unit_test(pprof_there_and_back_is_the_same),
		cmocka_unit_test(speedscope_there_and_back_keeps_all_values),
		cmocka_unit_test(what_is_known_from_elsewhere_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
