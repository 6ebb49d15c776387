/* SPDX-License-Identifier: Apache-2.0 */
/* Two profiles become one, and what folded stacks and the flame graph make of it. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "export/export.h"
#include "profile/builder.h"
#include "profile/diff.h"

#define GRAPH_WIDTH 1176.0

struct line {
	const char *stack; /* root first, a letter a frame */
	int64_t value;
};

/* Samples of one type, and one more that is twice as much. */
static const struct profile *make(const struct line *lines)
{
	struct profile_builder *builder = profile_builder__new();

	assert_non_null(builder);
	profile_builder__type(builder, "space", "bytes", true);
	profile_builder__type(builder, "twice", "count", false);
	profile_builder__comment(builder, "said");
	for (; lines->stack; lines++) {
		uint32_t stack[8], depth = strlen(lines->stack);
		struct profile_label label = {.key = profile_builder__string(builder, "n"),
					      .number = 5};

		for (uint32_t i = 0; i < depth; i++) {
			char name[] = {lines->stack[depth - 1 - i], '\0'};
			struct profile_function function = {
				.name = profile_builder__string(builder, name)};
			struct profile_line line = {
				.function = profile_builder__function(builder, &function)};

			stack[i] = profile_builder__location(builder, PROFILE_NO_MAPPING, 0,
							     FRAME_CODE, &line, 1);
		}
		profile_builder__sample(builder, stack, depth,
					(int64_t[]){lines->value, 2 * lines->value}, &label, 1);
	}
	return profile_builder__freeze(builder);
}

#define LINES(...) ((const struct line[]){__VA_ARGS__ __VA_OPT__(, ){}})

static const struct profile *diff(const struct line *before_lines, const struct line *after_lines,
				  const struct diff_options *options)
{
	const struct profile *before = make(before_lines), *after = make(after_lines);
	const struct profile *result = profile__diff(before, after, options);

	assert_non_null(result);
	profile__free(before);
	profile__free(after);
	return result;
}

static const struct diff_options plain = {.title = "a → b", .widths = DIFF_AFTER};
static const struct diff_options normalized = {
	.title = "a → b", .widths = DIFF_AFTER, .normalize = true};
static const struct diff_options reversed = {.title = "a → b", .widths = DIFF_BEFORE};

/* The profile is gone. */
static char *write_as(int (*write)(const struct profile *, FILE *), const struct profile *profile)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(write(profile, out), 0);
	fclose(out);
	profile__free(profile);
	return text;
}

static void the_sum_is_the_difference(void **state)
{
	const struct profile *profile =
		diff(LINES({"m", 10}, {"mx", 30}), LINES({"m", 15}, {"my", 5}), &plain);

	(void)state;
	assert_int_equal(profile->sample_count, 4);
	assert_int_equal(profile__total(profile, 0), -20);
	assert_int_equal(profile__total(profile, 1), -40);
	for (size_t i = 0; i < 4; i++) {
		const struct profile_sample *sample = &profile->samples[i];

		assert_int_equal(profile_sample__is_base(profile, sample), sample->values[0] < 0);
		assert_int_equal(sample->labels[0].number, 5);
	}
	assert_string_equal(profile->strings[profile->title], "a → b");
	assert_int_equal(profile->comment_count, 2);
	assert_string_equal(profile->strings[profile->comments[1]], "before: said");
	profile__free(profile);
}

static void other_types_are_not_compared(void **state)
{
	const struct profile *a = make(LINES({"m", 1})), *b;
	struct profile_builder *builder = profile_builder__new();

	(void)state;
	profile_builder__type(builder, "space", "bytes", true);
	profile_builder__type(builder, "twice", "bytes", true);
	b = profile_builder__freeze(builder);
	assert_false(profile__comparable(a, b));
	assert_null(profile__diff(a, b, &plain));
	assert_int_equal(errno, EINVAL);
	assert_true(profile__comparable(a, a));
	profile__free(a);
	profile__free(b);
}

static void values_cannot_leave_64_bits(void **state)
{
	const struct profile *profile = diff(LINES({"m", INT64_MIN / 2}), LINES({"m", 1}), &plain);

	(void)state;
	assert_int_equal(profile->samples[1].values[1], INT64_MAX);
	profile__free(profile);
}

static void normalizing_makes_totals_equal(void **state)
{
	const struct profile *profile =
		diff(LINES({"m", 10}, {"mx", 30}), LINES({"m", 50}, {"my", 30}), &normalized);

	(void)state;
	assert_int_equal(profile__total(profile, 0), 0);
	assert_int_equal(profile__total(profile, 1), 0);
	assert_int_equal(profile->samples[2].values[0], -20);
	assert_int_equal(profile->samples[0].values[0], 50);
	assert_string_equal(profile->strings[profile->comments[0]],
			    "before: values are multiplied by 2, so that totals are equal");
	profile__free(profile);
	/* From nothing nothing comes. */
	profile = diff(LINES(), LINES({"m", 50}), &normalized);
	assert_int_equal(profile__total(profile, 0), 50);
	profile__free(profile);
}

static void folded_stacks_have_both_values(void **state)
{
	char *text = write_as(export_folded, diff(LINES({"m", 10}, {"mx", 30}),
						  LINES({"m", 15}, {"my", 5}), &plain));

	(void)state;
	assert_string_equal(text, "m 10 15\nm;x 30 0\nm;y 0 5\n");
	free(text);
	text = write_as(export_folded, diff(LINES(), LINES({"m", 15}), &plain));
	assert_string_equal(text, "m 0 15\n");
	free(text);
}

/* --- the picture ---------------------------------------------------------------------------------
 */

static char *draw(const struct line *before, const struct line *after,
		  const struct diff_options *options)
{
	return write_as(export_flamegraph, diff(before, after, options));
}

/* "class" of the frame with that name. */
static void assert_frame(const char *svg, const char *class, double width, const char *name,
			 const char *text)
{
	char title[256], start[64];
	const char *at;

	snprintf(title, sizeof(title), "<title>%s\n%s</title>", name, text);
	at = strstr(svg, title);
	if (!at)
		fail_msg("no %s in %s", title, strstr(svg, "<g id=\"frames\">"));
	assert_non_null(strstr(at, " width=\""));
	assert_true(fabs(strtod(strstr(at, " width=\"") + 8, NULL) - width) < 0.011);
	while (strncmp(at, "<g ", 3))
		at--;
	snprintf(start, sizeof(start), "<g class=\"%s\"", class);
	if (strncmp(at, start, strlen(start)))
		fail_msg("%s is %.30s", name, at);
}

static void assert_has(const char *svg, const char *text)
{
	if (!strstr(svg, text))
		fail_msg("\"%s\" is not in the picture", text);
}

static void widths_are_later_ones_and_colours_are_changes(void **state)
{
	char *svg = draw(LINES({"ms", 100}, {"mg", 10}, {"mb", 100}, {"mq", 100}),
			 LINES({"ms", 100}, {"mg", 70}, {"mb", 80}, {"mq", 50}), &plain);

	(void)state;
	assert_frame(svg, "root", GRAPH_WIDTH, "all",
		     "before 310 B, 100.00%; after 300 B, 100.00%; −10 B (−3.23%)");
	assert_frame(svg, "same c0", GRAPH_WIDTH / 3, "s",
		     "before 100 B, 32.26%; after 100 B, 33.33%; +0 B (+0.00%)");
	assert_frame(svg, "more c6", GRAPH_WIDTH * 7 / 30, "g",
		     "before 10 B, 3.23%; after 70 B, 23.33%; +60 B (+600.00%)");
	assert_frame(svg, "less c2", GRAPH_WIDTH * 8 / 30, "b",
		     "before 100 B, 32.26%; after 80 B, 26.67%; −20 B (−20.00%)");
	assert_frame(svg, "less c5", GRAPH_WIDTH * 5 / 30, "q",
		     "before 100 B, 32.26%; after 50 B, 16.67%; −50 B (−50.00%)");
	assert_has(svg,
		   ">310 B before, 300 B after: −10 B (−3.23%) · widths show after · 4 stacks<");
	assert_has(svg, "less than before, up to −60 B<");
	assert_has(svg, "more than before, up to +60 B<");
	free(svg);
}

static void the_smallest_change_has_a_colour(void **state)
{
	char *svg = draw(LINES({"a", 1000}, {"b", 1000}), LINES({"a", 1001}, {"b", 2000}), &plain);

	(void)state;
	assert_has(svg, "<g class=\"more c1\" data-s=\"0\"");
	assert_has(svg, "<g class=\"more c6\" data-s=\"1001\"");
	free(svg);
}

/* Or the totals of two loads would take all colours from their parts. */
static void colours_are_by_the_greatest_change_of_a_frame(void **state)
{
	char *svg = draw(LINES({"a", 1}, {"b", 1}), LINES({"a", 51}, {"b", 51}), &plain);

	(void)state;
	assert_has(svg, "<g class=\"more c6\" data-s=\"0\"");
	assert_has(svg, "up to +50 B<");
	free(svg);
}

static void what_is_new_is_said_to_be(void **state)
{
	char *svg = draw(LINES({"ma", 100}), LINES({"ma", 100}, {"mn", 100}), &plain);

	(void)state;
	assert_frame(svg, "more c6", GRAPH_WIDTH / 2, "n",
		     "before 0 B, 0.00%; after 100 B, 50.00%; +100 B (new)");
	free(svg);
}

static void what_is_gone_is_told(void **state)
{
	char *svg = draw(LINES({"ma", 100}, {"mgh", 40}, {"mgi", 2}, {"mz", 8}),
			 LINES({"ma", 100}, {"mz", 8}), &plain);

	(void)state;
	assert_has(svg,
		   "not shown, since gone: 42 B in 2 stacks (--reverse shows them) · 2 stacks");
	assert_null(strstr(svg, "<title>g\n"));
	assert_null(strstr(svg, "narrower"));
	/* It still counts for those below. */
	assert_frame(svg, "less c6", GRAPH_WIDTH, "m",
		     "before 150 B, 100.00%; after 108 B, 100.00%; −42 B (−28.00%)");
	free(svg);
}

static void reversed_widths_are_earlier_ones(void **state)
{
	char *svg = draw(LINES({"ma", 100}, {"mg", 100}), LINES({"ma", 150}, {"mn", 7}), &reversed);

	(void)state;
	assert_frame(svg, "less c6", GRAPH_WIDTH / 2, "g",
		     "before 100 B, 50.00%; after 0 B, 0.00%; −100 B (−100.00%)");
	assert_frame(svg, "more c3", GRAPH_WIDTH / 2, "a",
		     "before 100 B, 50.00%; after 150 B, 95.54%; +50 B (+50.00%)");
	assert_has(svg, "widths show before · not shown, since new: 7 B in 1 stack · 2 stacks");
	free(svg);
}

static void nothing_before_or_after_is_a_diff_all_the_same(void **state)
{
	char *svg = draw(LINES(), LINES({"m", 100}), &plain);

	(void)state;
	assert_frame(svg, "more c6", GRAPH_WIDTH, "m",
		     "before 0 B, 0.00%; after 100 B, 100.00%; +100 B (new)");
	free(svg);
	svg = draw(LINES({"m", 100}), LINES(), &plain);
	assert_has(svg, ">no samples<");
	assert_has(svg, "since gone: 100 B in 1 stack ");
	free(svg);
	svg = draw(LINES(), LINES(), &plain);
	assert_has(svg, ">no samples<");
	free(svg);
}

static void sums_do_not_wrap(void **state)
{
	char *svg = draw(LINES({"m", INT64_MAX / 2}, {"mx", INT64_MAX / 2}, {"my", INT64_MAX / 2}),
			 LINES({"m", 1}), &plain);

	(void)state;
	assert_has(svg, "<title>m\nbefore 8,589,934,592.00 GiB");
	free(svg);
}

static const struct profile *make_of_kind(const char *kind, int64_t whole)
{
	struct profile_builder *builder = profile_builder__new();

	assert_non_null(builder);
	profile_builder__type(builder, "space", "bytes", true);
	profile_builder__kind(builder, kind);
	profile_builder__outcome(builder, &(struct profile_outcome){
						  .whole = whole,
						  .truncated = 2,
						  .lost_stacks = 3,
						  .lost = INT64_MAX,
					  });
	return profile_builder__freeze(builder);
}

static void assert_kind(const char *before_kind, const char *after_kind, const char *expected)
{
	const struct profile *before = make_of_kind(before_kind, 1);
	const struct profile *after = make_of_kind(after_kind, 10);
	const struct profile *result =
		profile__diff(before, after, &(struct diff_options){.title = ""});

	assert_non_null(result);
	assert_string_equal(result->strings[result->kind], expected);
	assert_int_equal(result->outcome.whole, 11);
	assert_int_equal(result->outcome.truncated, 4);
	assert_int_equal(result->outcome.lost_stacks, 6);
	assert_int_equal(result->outcome.lost, INT64_MAX);
	profile__free(before);
	profile__free(after);
	profile__free(result);
}

static void what_became_of_the_samples_is_of_both(void **state)
{
	(void)state;
	assert_kind("heap", "heap", "heap");
	assert_kind("mutex", "block", "");
	assert_kind("", "", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_sum_is_the_difference),
		cmocka_unit_test(other_types_are_not_compared),
		cmocka_unit_test(values_cannot_leave_64_bits),
		cmocka_unit_test(normalizing_makes_totals_equal),
		cmocka_unit_test(folded_stacks_have_both_values),
		cmocka_unit_test(widths_are_later_ones_and_colours_are_changes),
		cmocka_unit_test(the_smallest_change_has_a_colour),
		cmocka_unit_test(colours_are_by_the_greatest_change_of_a_frame),
		cmocka_unit_test(what_is_new_is_said_to_be),
		cmocka_unit_test(what_is_gone_is_told),
		cmocka_unit_test(reversed_widths_are_earlier_ones),
		cmocka_unit_test(nothing_before_or_after_is_a_diff_all_the_same),
		cmocka_unit_test(what_became_of_the_samples_is_of_both),
		cmocka_unit_test(sums_do_not_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
