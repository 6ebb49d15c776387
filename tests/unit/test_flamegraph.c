/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
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

#define DEPTH_MAX     2048
#define GRAPH_WIDTH   1176.0
#define TAGS_MAX      64
#define LIBC_HUE      250
#define LIBCRYPTO_HUE 120

static struct profile_builder *new_builder(void)
{
	struct profile_builder *builder = profile_builder__new();

	assert_non_null(builder);
	profile_builder__type(builder, "samples", "count", false);
	profile_builder__type(builder, "cpu", "nanoseconds", true);
	profile_builder__title(builder, "demo-server (pid 4242)");
	return builder;
}

static uint32_t add_frame(struct profile_builder *builder, const char *name, enum frame_kind kind)
{
	struct profile_function function = {.name = profile_builder__string(builder, name)};
	struct profile_line line = {
		.function = profile_builder__function(builder, &function),
	};

	return profile_builder__location(builder, PROFILE_NO_MAPPING, 0x1000 + line.function, kind,
					 &line, 1);
}

/* Adds a sample of application code; `frames` are names, root first, up to a NULL. */
static void add(struct profile_builder *builder, const char *const *frames, int64_t value)
{
	int64_t values[] = {1, value};
	uint32_t leaf_first[16], depth = 0;

	while (frames[depth]) {
		leaf_first[15 - depth] = add_frame(builder, frames[depth], FRAME_APP);
		depth++;
	}
	profile_builder__sample(builder, leaf_first + 16 - depth, depth, values, NULL, 0);
}

#define ADD(builder, value, ...) \
	add(builder, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL}, value)

/* The picture of the builder's profile; the builder is gone. */
static char *draw(struct profile_builder *builder)
{
	const struct profile *profile = profile_builder__freeze(builder);
	char *svg = NULL;
	size_t size;
	FILE *out = open_memstream(&svg, &size);

	assert_non_null(profile);
	assert_non_null(out);
	assert_int_equal(export_flamegraph(profile, out), 0);
	fclose(out);
	/* A NUL on the way would hide the rest from every other check. */
	assert_int_equal(strlen(svg), size);
	profile__free(profile);
	return svg;
}

/* The element <g> of the frame of that name (as escaped), or NULL. */
static const char *find_frame(const char *svg, const char *name)
{
	char title[512];
	const char *at;

	snprintf(title, sizeof(title), "<title>%s\n", name);
	at = strstr(svg, title);
	while (at && strncmp(at, "<g ", 3) != 0)
		at--;
	return at;
}

static double number_after(const char *at, const char *what)
{
	at = strstr(at, what);
	assert_non_null(at);
	return strtod(at + strlen(what), NULL);
}

static double frame_x(const char *svg, const char *name)
{
	const char *frame = find_frame(svg, name);

	assert_non_null(frame);
	return number_after(frame, "<rect x=\"");
}

static double frame_width(const char *svg, const char *name)
{
	const char *frame = find_frame(svg, name);

	assert_non_null(frame);
	return number_after(frame, " width=\"");
}

static void assert_near(double a, double b)
{
	assert_true(a - b < 0.011 && b - a < 0.011);
}

static void assert_has(const char *svg, const char *text)
{
	if (!strstr(svg, text))
		fail_msg("\"%s\" is not in the picture", text);
}

static size_t count(const char *svg, const char *text)
{
	size_t n = 0;

	while ((svg = strstr(svg, text))) {
		svg += strlen(text);
		n++;
	}
	return n;
}

/* Checks one tag, from after its '<' on, and gives what follows it. */
static const char *check_tag(const char *at, char open[TAGS_MAX][32], int *depth)
{
	bool closing = *at == '/', quoted = false;
	size_t length;

	at += closing;
	length = strcspn(at, " />");
	assert_true(length > 0 && length < 32);
	if (closing) {
		assert_true(*depth > 0);
		assert_int_equal(strncmp(open[--*depth], at, length), 0);
		assert_int_equal(open[*depth][length], '\0');
	} else {
		assert_true(*depth < TAGS_MAX);
		snprintf(open[(*depth)++], 32, "%.*s", (int)length, at);
	}
	for (; quoted || *at != '>'; at++) {
		assert_true(*at && *at != '<');
		quoted ^= *at == '"';
	}
	if (at[-1] == '/')
		(*depth)--;
	return at + 1;
}

/* Every tag is closed by its own, and no bare '<' or '&' is in the text. */
static void assert_well_formed(const char *svg)
{
	static const char declaration[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
	char open[TAGS_MAX][32];
	int depth = 0;

	assert_int_equal(strncmp(svg, declaration, strlen(declaration)), 0);
	svg += strlen(declaration);
	while (*svg) {
		if (strncmp(svg, "<![CDATA[", 9) == 0) {
			svg = strstr(svg, "]]>");
			assert_non_null(svg);
			svg += 3;
		} else if (*svg == '<') {
			svg = check_tag(svg + 1, open, &depth);
		} else {
			assert_true(*svg == '\n' || !iscntrl((unsigned char)*svg));
			if (*svg == '&')
				assert_true(strcspn(svg, ";") <= 5);
			svg++;
		}
	}
	assert_int_equal(depth, 0);
}

static void widths_are_shares_of_the_total(void **state)
{
	struct profile_builder *builder = new_builder();
	char *svg;

	(void)state;
	ADD(builder, 50, "main", "half");
	ADD(builder, 25, "main", "quarter");
	ADD(builder, 25, "other");
	svg = draw(builder);
	assert_near(frame_width(svg, "all"), GRAPH_WIDTH);
	assert_near(frame_width(svg, "main"), GRAPH_WIDTH * 0.75);
	assert_near(frame_width(svg, "half"), GRAPH_WIDTH * 0.5);
	assert_near(frame_width(svg, "quarter"), GRAPH_WIDTH * 0.25);
	assert_has(svg, "<title>quarter\n25 ns, 25.00%</title>");
	assert_well_formed(svg);
	free(svg);
}

static void siblings_are_merged_and_sorted(void **state)
{
	struct profile_builder *builder = new_builder();
	char *svg;

	(void)state;
	ADD(builder, 1, "main", "b");
	ADD(builder, 1, "main", "a", "z");
	ADD(builder, 1, "main");
	ADD(builder, 1, "main", "b", "y");
	svg = draw(builder);
	assert_int_equal(count(svg, "<title>b\n"), 1);
	assert_near(frame_width(svg, "b"), GRAPH_WIDTH / 2);
	/* What main did itself is on the left. */
	assert_near(frame_x(svg, "a"), 12 + GRAPH_WIDTH / 4);
	assert_near(frame_x(svg, "b"), 12 + GRAPH_WIDTH / 2);
	assert_has(svg, "4 stacks");
	free(svg);
}

static void a_child_is_above_its_parent(void **state)
{
	struct profile_builder *builder = new_builder();
	double main_y, work_y;
	char *svg;

	(void)state;
	ADD(builder, 1, "main", "work");
	svg = draw(builder);
	main_y = number_after(find_frame(svg, "main"), " y=\"");
	work_y = number_after(find_frame(svg, "work"), " y=\"");
	assert_true(work_y < main_y);
	assert_true(main_y < number_after(find_frame(svg, "all"), " y=\""));
	free(svg);
}

static void the_same_profile_gives_the_same_bytes(void **state)
{
	struct profile_builder *one = new_builder(), *other = new_builder();
	char *first, *second;

	(void)state;
	ADD(one, 1, "a", "b");
	ADD(one, 2, "a", "c");
	ADD(one, 3, "d");
	ADD(other, 3, "d");
	ADD(other, 2, "a", "c");
	ADD(other, 1, "a", "b");
	first = draw(one);
	second = draw(other);
	assert_string_equal(first, second);
	free(first);
	free(second);
}

static void zero_and_negative_values_are_skipped(void **state)
{
	struct profile_builder *builder = new_builder();
	char *svg;

	(void)state;
	ADD(builder, 10, "main");
	ADD(builder, 0, "zero");
	ADD(builder, -10, "freed");
	svg = draw(builder);
	assert_near(frame_width(svg, "main"), GRAPH_WIDTH);
	assert_null(find_frame(svg, "zero"));
	assert_null(find_frame(svg, "freed"));
	free(svg);
}

static void each_kind_has_its_class(void **state)
{
	static const struct {
		enum frame_kind kind;
		const char *name;
		const char *class;
		const char *legend;
	} kinds[] = {
		{FRAME_APP,     "main",          "<g class=\"app\"",     ">100.00% Application<"},
		{FRAME_LIBRARY, "malloc",        "<g class=\"library\"", ">100.00% Library<"    },
		{FRAME_KERNEL,  "do_syscall_64", "<g class=\"kernel\"",  ">100.00% Kernel<"     },
		{FRAME_UNKNOWN, "0x1234",        "<g class=\"unknown\"", ">100.00% Unknown<"    },
		{FRAME_CODE,    "work",          "<g class=\"code\"",    ">100.00% Code<"       },
	};
	int64_t values[] = {1, 1};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct profile_builder *builder = new_builder();
		uint32_t location = add_frame(builder, kinds[i].name, kinds[i].kind);
		const char *frame;
		char *svg;

		profile_builder__sample(builder, &location, 1, values, NULL, 0);
		svg = draw(builder);
		frame = find_frame(svg, kinds[i].name);
		assert_non_null(frame);
		assert_int_equal(strncmp(frame, kinds[i].class, strlen(kinds[i].class)), 0);
		assert_has(svg, kinds[i].legend);
		assert_null(strstr(svg, "Not code<"));
		free(svg);
	}
}

static void a_note_is_marked_as_no_code(void **state)
{
	struct profile_builder *builder = new_builder();
	uint32_t note = profile_builder__note(builder, "[truncated]");
	int64_t values[] = {1, 1};
	const char *frame;
	char *svg;

	(void)state;
	profile_builder__sample(builder, &note, 1, values, NULL, 0);
	svg = draw(builder);
	frame = find_frame(svg, "[truncated]");
	assert_non_null(frame);
	assert_int_equal(strncmp(frame, "<g class=\"note\"", 15), 0);
	assert_has(svg, ">100.00% Not code<");
	free(svg);
}

/* Adds "name" in code of `kind`, with `child` on top where that is not NULL. */
static void add_kind(struct profile_builder *builder, enum frame_kind kind, const char *child)
{
	struct profile_function function = {.name = profile_builder__string(builder, "name")};
	struct profile_line line = {
		.function = profile_builder__function(builder, &function),
	};
	uint32_t leaf_first[2];
	int64_t values[] = {1, 1};

	if (child)
		leaf_first[0] = add_frame(builder, child, FRAME_APP);
	leaf_first[1] = profile_builder__location(builder, PROFILE_NO_MAPPING, 0x9000 + kind, kind,
						  &line, 1);
	profile_builder__sample(builder, leaf_first + !child, 1 + !!child, values, NULL, 0);
}

static void a_name_of_two_kinds_looks_the_same_in_any_order(void **state)
{
	static const char *const children[] = {NULL, "child"};
	size_t i, kind;

	(void)state;
	for (i = 0; i < 2; i++) {
		for (kind = FRAME_APP; kind <= FRAME_LIBRARY; kind++) {
			struct profile_builder *builder = new_builder();
			const char *frame;
			char *svg;

			add_kind(builder, kind, NULL);
			add_kind(builder, kind == FRAME_APP ? FRAME_LIBRARY : FRAME_APP,
				 children[i]);
			svg = draw(builder);
			frame = find_frame(svg, "name");
			assert_non_null(frame);
			assert_int_equal(strncmp(frame, "<g class=\"library\"", 18), 0);
			free(svg);
		}
	}
}

/* Adds a sample of one frame, in code of that file. */
static void add_in(struct profile_builder *builder, const char *file, enum frame_kind kind,
		   const char *name, int64_t value)
{
	struct profile_function function = {.name = profile_builder__string(builder, name)};
	struct profile_mapping mapping = {.file = profile_builder__string(builder, file)};
	struct profile_line line = {
		.function = profile_builder__function(builder, &function),
	};
	uint32_t location = profile_builder__location(
		builder, profile_builder__mapping(builder, &mapping), 0x1000, kind, &line, 1);
	int64_t values[] = {1, value};

	profile_builder__sample(builder, &location, 1, values, NULL, 0);
}

/* The fill of a frame, up to its closing quote. */
static char *fill_of(const char *svg, const char *name)
{
	const char *at = strstr(find_frame(svg, name), "fill=\"") + 6;

	return strndup(at, strcspn(at, "\""));
}

static double hue_of(const char *svg, const char *name)
{
	unsigned int red, green, blue;
	double most, least, hue;
	char *fill = fill_of(svg, name);

	assert_int_equal(sscanf(fill, "#%2x%2x%2x", &red, &green, &blue), 3);
	free(fill);
	most = fmax(red, fmax(green, blue));
	least = fmin(red, fmin(green, blue));
	assert_true(most > least);
	if (most == red)
		hue = ((double)green - blue) / (most - least);
	else if (most == green)
		hue = 2 + ((double)blue - red) / (most - least);
	else
		hue = 4 + ((double)red - green) / (most - least);
	return fmod(60 * hue + 360, 360);
}

/* The hues are those of palette.h, worked out by hand from its formula. */
static void a_library_has_its_own_hue_whatever_its_folder_and_version(void **state)
{
	struct profile_builder *builder = new_builder();
	char *svg;

	(void)state;
	add_in(builder, "/usr/lib/libc.so.6", FRAME_LIBRARY, "malloc", 5);
	add_in(builder, "/opt/old/libc.so.5.9", FRAME_LIBRARY, "calloc", 4);
	add_in(builder, "/usr/lib/libcrypto.so.3", FRAME_LIBRARY, "SHA256_Update", 3);
	add_in(builder, "/bin/app", FRAME_APP, "main", 2);
	add_in(builder, "[kernel.kallsyms]", FRAME_KERNEL, "do_syscall_64", 1);
	svg = draw(builder);
	assert_true(fabs(hue_of(svg, "malloc") - LIBC_HUE) < 2);
	assert_true(fabs(hue_of(svg, "calloc") - LIBC_HUE) < 2);
	assert_true(fabs(hue_of(svg, "SHA256_Update") - LIBCRYPTO_HUE) < 2);
	assert_true(hue_of(svg, "main") > 18 && hue_of(svg, "main") < 42);
	assert_true(fabs(hue_of(svg, "do_syscall_64") - 216) < 2);
	assert_well_formed(svg);
	free(svg);
}

static void the_legend_has_the_modules_by_their_shares(void **state)
{
	struct profile_builder *builder = new_builder();
	char *svg, name[64];

	(void)state;
	add_in(builder, "/usr/lib/libc.so.6", FRAME_LIBRARY, "malloc", 600);
	add_in(builder, "/usr/lib/libc.so.6", FRAME_LIBRARY, "free", 100);
	add_in(builder, "/bin/app", FRAME_APP, "main", 290);
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "/usr/lib/libone-of-many-with-a-long-name-%d.so", i);
		add_in(builder, name, FRAME_LIBRARY, "one", 1);
	}
	svg = draw(builder);
	assert_has(svg, ">70.00% libc.so.6</text>");
	assert_has(svg, ">29.00% app</text>");
	assert_true(strstr(svg, ">70.00% libc") < strstr(svg, ">29.00% app"));
	assert_has(svg, ">0.10% libone-of-many-with-a…</text>");
	assert_has(svg, ">and 7 more</text>");
	/* A function of each. */
	assert_int_equal(count(svg, "<title>one\n"), 10);
	free(svg);
}

static void text_of_unknown_width_is_given_one(void **state)
{
	static const struct {
		const char *name;
		double width; /* 0: of any font */
	} names[] = {
		{"plain \xd1\x8f",                            0      },
		{"\xe5\x90\x8d\xe5\x89\x8d",                  4 * 7.3},
		{"\xef\xb7\xbd",                              2 * 7.3},
		{"e\xcc\x81t\xcc\x81",                        2 * 7.3},
 /* Cut after as many marks as are ever written on one letter. */
		{"z\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81", 2 * 7.3},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct profile_builder *builder = new_builder();
		const char *frame;
		char *svg, *tag;

		ADD(builder, 1, names[i].name);
		svg = draw(builder);
		frame = strstr(find_frame(svg, names[i].name), "<text");
		tag = strndup(frame, strcspn(frame, ">"));
		if (names[i].width)
			assert_near(number_after(tag, "textLength=\""), names[i].width);
		else
			assert_null(strstr(tag, "textLength"));
		free(tag);
		assert_well_formed(svg);
		free(svg);
	}
}

static void foreign_text_is_escaped(void **state)
{
	static const char hostile[] = "</title><script>alert('&\"')</script>]]>";
	static const char escaped[] = "&lt;/title&gt;&lt;script&gt;alert(&#39;&amp;&quot;&#39;)"
				      "&lt;/script&gt;]]&gt;";
	struct profile_builder *builder = new_builder();
	char *svg;

	(void)state;
	profile_builder__title(builder, hostile);
	profile_builder__comment(builder, "%s", hostile);
	ADD(builder, 1, hostile);
	svg = draw(builder);
	assert_well_formed(svg);
	assert_non_null(find_frame(svg, escaped));
	/* The picture's title; the title line, frame and comment, each with its title. */
	assert_int_equal(count(svg, escaped), 7);
	assert_int_equal(count(svg, "<script"), 1);
	/* The style's and the script's own ends. */
	assert_int_equal(count(svg, "]]>"), 2);
	free(svg);
}

static void what_xml_cannot_hold_is_replaced(void **state)
{
	static const struct {
		const char *name;
		const char *drawn;
	} names[] = {
		{"a\x01z",				      "a\xef\xbf\xbdz"                               },
		{"a\nz",					"a\xef\xbf\xbdz"                               },
		{"a\xffz",				      "a\xef\xbf\xbdz"                               },
		{"cut\xe2\x82",				 "cut\xef\xbf\xbd\xef\xbf\xbd"                  },
		{"overlong\xc0\xaf",                            "overlong\xef\xbf\xbd\xef\xbf\xbd"             },
		{"surrogate\xed\xa0\x80",                       "surrogate\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"noncharacter\xef\xbf\xbf",                    "noncharacter\xef\xbf\xbd"                     },
		{"override\xe2\x80\xae",                        "override\xef\xbf\xbd"                         },
		{"letter mark\xd8\x9c",                         "letter mark\xef\xbf\xbd"                      },
		{"fine \xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\xa5",
		 "fine \xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\xa5"                                                 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct profile_builder *builder = new_builder();
		char *svg;

		ADD(builder, 1, names[i].name);
		svg = draw(builder);
		assert_non_null(find_frame(svg, names[i].drawn));
		free(svg);
	}
}

static void a_long_name_is_cut(void **state)
{
	struct profile_builder *builder = new_builder();
	char name[10001], *svg;

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ADD(builder, 1, name);
	svg = draw(builder);
	assert_has(svg, "xxx…\n1 ns, 100.00%</title>");
	assert_has(svg, "xxx…</text>");
	name[4097] = '\0';
	assert_null(strstr(svg, name));
	assert_well_formed(svg);
	free(svg);
}

static void a_label_is_cut_to_its_frame(void **state)
{
	struct profile_builder *builder = new_builder();
	char *svg;

	(void)state;
	ADD(builder, 900, "main");
	ADD(builder, 93, "a_long_name_for_a_frame");
	ADD(builder, 7, "too_narrow");
	svg = draw(builder);
	/* 93/1000 of 1176 px, less 4 px on each side, hold 13 characters of 7.3 px. */
	assert_has(svg, ">a_long_name_…</text>");
	assert_int_equal(count(svg, "too_narrow"), 1);
	free(svg);
}

static void frames_too_narrow_are_counted(void **state)
{
	struct profile_builder *builder = new_builder();
	char *svg;

	(void)state;
	ADD(builder, 1000000, "main");
	ADD(builder, 50, "main", "narrow", "narrower");
	svg = draw(builder);
	assert_null(find_frame(svg, "narrow"));
	assert_has(svg, ">2 frames narrower than 0.1 px not drawn<");
	free(svg);
}

static void a_very_deep_stack_is_cut(void **state)
{
	struct profile_builder *builder = new_builder();
	int64_t values[] = {1, 1};
	uint32_t leaf_first[DEPTH_MAX], i;
	char *svg;

	(void)state;
	for (i = 0; i < DEPTH_MAX; i++)
		leaf_first[i] = add_frame(builder, "recurse", FRAME_APP);
	profile_builder__sample(builder, leaf_first, DEPTH_MAX, values, NULL, 0);
	svg = draw(builder);
	assert_int_equal(count(svg, "<title>recurse\n"), 1024);
	assert_has(svg, ">1 stack deeper than 1024 frames drawn up to there<");
	assert_well_formed(svg);
	free(svg);
}

static void the_heading_tells_what_and_how_much(void **state)
{
	struct profile_builder *builder = new_builder();
	char *svg;

	(void)state;
	profile_builder__times(builder, 1763808243000000000, 30000000000);
	profile_builder__comment(builder, "lost: 3 samples");
	ADD(builder, 1234567890, "main");
	svg = draw(builder);
	assert_has(svg, ">CPU time · demo-server (pid 4242)<");
	assert_has(svg, ">1.23 s in total · over 30.00 s · 1 stack · 2025-11-22 10:44:03 UTC<");
	assert_has(svg, ">lost: 3 samples<");
	assert_null(strstr(svg, "id=\"command\""));
	assert_null(strstr(svg, "id=\"outcome\""));
	free(svg);
}

static void the_heading_tells_the_command_and_what_became_of_the_samples(void **state)
{
	struct profile_builder *builder = new_builder();
	char *svg;

	(void)state;
	profile_builder__comment(builder, "command: demo-server --listen :8080 <&>");
	profile_builder__outcome(builder, &(struct profile_outcome){12345, 67, 8, 9});
	ADD(builder, 1, "main");
	svg = draw(builder);
	assert_has(svg, ">demo-server --listen :8080 &lt;&amp;&gt;</text>");
	assert_has(svg, ">samples: 12,345 with whole stacks · 67 truncated · 8 without a stack · "
			"9 lost</text>");
	assert_well_formed(svg);
	free(svg);
}

static void of_a_file_the_comment_tells_what_became_of_the_samples(void **state)
{
	struct profile_builder *builder = new_builder();
	char *svg;

	(void)state;
	profile_builder__comment(builder, "stacks, by samples: 7 whole, 2 truncated, 1 lost");
	ADD(builder, 1, "main");
	svg = draw(builder);
	assert_has(svg, ">samples, by stacks: 7 whole, 2 truncated, 1 lost</text>");
	free(svg);
}

/* A unit is another tool's, and is in many places. */
static void a_hostile_unit_is_no_markup(void **state)
{
	struct profile_builder *builder = profile_builder__new();
	int64_t value = 12;
	uint32_t location;
	char *svg;

	(void)state;
	assert_non_null(builder);
	profile_builder__type(builder, "faults", "<b>&", true);
	location = add_frame(builder, "main", FRAME_APP);
	profile_builder__sample(builder, &location, 1, &value, NULL, 0);
	svg = draw(builder);
	assert_has(svg, ">12 \xef\xbf\xbd"
			"b\xef\xbf\xbd\xef\xbf\xbd in total");
	assert_well_formed(svg);
	free(svg);
}

static void values_are_in_human_units(void **state)
{
	static const struct {
		const char *type, *unit;
		int64_t value;
		const char *heading, *total;
	} cases[] = {
		{"inuse_space",   "bytes",       1023,      ">Heap in use<",         ">1,023 B in"             },
		{"alloc_space",   "bytes",       1536,      ">Allocated<",           ">1.50 KiB in"            },
		{"alloc_space",   "bytes",       5 << 20,   ">Allocated<",           ">5.00 MiB in"            },
		{"alloc_space",   "bytes",       INT64_MAX, ">Allocated<",           ">8,589,934,592.00 GiB in"},
		{"cpu",           "nanoseconds", 999,       ">CPU time<",            ">999 ns in"              },
		{"cpu",           "nanoseconds", 1500,      ">CPU time<",            ">1.50 us in"             },
		{"cpu",           "nanoseconds", 2345678,   ">CPU time<",            ">2.35 ms in"             },
		{"inuse_objects", "count",       1234567,   ">inuse_objects/count<", ">1,234,567 in"           },
		{"faults",        "pages",       12,        ">faults/pages<",        ">12 pages in"            },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct profile_builder *builder = profile_builder__new();
		uint32_t location;
		char *svg;

		assert_non_null(builder);
		profile_builder__type(builder, cases[i].type, cases[i].unit, true);
		location = add_frame(builder, "main", FRAME_APP);
		profile_builder__sample(builder, &location, 1, &cases[i].value, NULL, 0);
		svg = draw(builder);
		assert_has(svg, cases[i].heading);
		assert_has(svg, cases[i].total);
		free(svg);
	}
}

static void an_empty_profile_says_so(void **state)
{
	char *svg;

	(void)state;
	svg = draw(new_builder());
	assert_has(svg, ">no samples<");
	assert_null(strstr(svg, "<script"));
	assert_well_formed(svg);
	free(svg);
}

static void a_total_beyond_64_bits_is_drawn(void **state)
{
	struct profile_builder *builder = new_builder();
	char *svg;

	(void)state;
	ADD(builder, INT64_MAX, "a");
	ADD(builder, INT64_MAX, "b");
	svg = draw(builder);
	assert_near(frame_width(svg, "a"), GRAPH_WIDTH);
	assert_well_formed(svg);
	free(svg);
}

static void a_full_disk_is_an_error(void **state)
{
	const struct profile *profile = profile_builder__freeze(new_builder());
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(profile);
	assert_non_null(full);
	assert_int_equal(export_flamegraph(profile, full), -EIO);
	fclose(full);
	profile__free(profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(widths_are_shares_of_the_total),
		cmocka_unit_test(siblings_are_merged_and_sorted),
		cmocka_unit_test(a_child_is_above_its_parent),
		cmocka_unit_test(the_same_profile_gives_the_same_bytes),
		cmocka_unit_test(zero_and_negative_values_are_skipped),
		cmocka_unit_test(each_kind_has_its_class),
		cmocka_unit_test(a_note_is_marked_as_no_code),
		cmocka_unit_test(a_name_of_two_kinds_looks_the_same_in_any_order),
		cmocka_unit_test(a_library_has_its_own_hue_whatever_its_folder_and_version),
		cmocka_unit_test(the_legend_has_the_modules_by_their_shares),
		cmocka_unit_test(text_of_unknown_width_is_given_one),
		cmocka_unit_test(foreign_text_is_escaped),
		cmocka_unit_test(what_xml_cannot_hold_is_replaced),
		cmocka_unit_test(a_long_name_is_cut),
		cmocka_unit_test(a_label_is_cut_to_its_frame),
		cmocka_unit_test(frames_too_narrow_are_counted),
		cmocka_unit_test(a_very_deep_stack_is_cut),
		cmocka_unit_test(the_heading_tells_what_and_how_much),
		cmocka_unit_test(the_heading_tells_the_command_and_what_became_of_the_samples),
		cmocka_unit_test(of_a_file_the_comment_tells_what_became_of_the_samples),
		cmocka_unit_test(a_hostile_unit_is_no_markup),
		cmocka_unit_test(values_are_in_human_units),
		cmocka_unit_test(an_empty_profile_says_so),
		cmocka_unit_test(a_total_beyond_64_bits_is_drawn),
		cmocka_unit_test(a_full_disk_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
