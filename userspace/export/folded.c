/* SPDX-License-Identifier: Apache-2.0 */
/* Folds the samples of a profile into stacks of names, and writes them one a line: the format that
 * flamegraph.pl, speedscope and inferno read. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/saturating.h"
#include "export/export.h"
#include "export/folded.h"

/* The name of one line of the profile, on its way to a place in folded.names. */
struct line_name {
	const char *text, *module;
	size_t line;
};

static bool breaks_lines(unsigned char c)
{
	return c == ';' || c < ' ' || c == 0x7f;
}

static int compare_line_names(const void *left, const void *right)
{
	const struct line_name *a = left, *b = right;
	int order = strcmp(a->text, b->text);

	return order ? order : strcmp(a->module, b->module);
}

/* Most names are fine as they are; a copy is made of those that are not. */
static const char *name_for_lines(struct folded *folded, const char *name)
{
	const char *at = name;
	char *copy, *c;

	while (*at && !breaks_lines(*at))
		at++;
	if (!*at)
		return name;
	copy = strdup(name);
	if (!copy)
		return NULL;
	for (c = copy + (at - name); *c; c++) {
		if (breaks_lines(*c))
			*c = *c == ';' ? ':' : '?';
	}
	folded->copies[folded->copy_count++] = copy;
	return copy;
}

static const char *module_of(const struct profile *profile, const struct profile_location *location)
{
	const char *file, *slash;

	if (location->mapping == PROFILE_NO_MAPPING)
		return "";
	file = profile->strings[profile->mappings[location->mapping].file];
	slash = strrchr(file, '/');
	return slash ? slash + 1 : file;
}

static void say_modules(const struct profile *profile, struct line_name *all)
{
	for (size_t i = 0; i < profile->location_count; i++) {
		const struct profile_location *location = &profile->locations[i];
		const char *module = module_of(profile, location);

		for (uint32_t line = 0; line < location->line_count; line++)
			all[location->first_line + line].module = module;
	}
}

/* Sorts the names, keeps one of each and says in `ranks` which one a line has. */
static void keep_distinct(struct folded *folded, struct line_name *all, size_t count,
			  uint32_t *ranks)
{
	size_t distinct = 0;

	qsort(all, count, sizeof(*all), compare_line_names);
	for (size_t i = 0; i < count; i++) {
		if (!i || compare_line_names(&all[i], &all[i - 1]) != 0) {
			folded->names[distinct] = all[i].text;
			folded->modules[distinct++] = all[i].module;
		}
		ranks[all[i].line] = distinct - 1;
	}
}

/* Gives the names of all lines their ranks. One more name, with the rank that follows those of the
 * lines, is for what has no line. */
static int rank_names(struct folded *folded, const struct profile *profile, enum folded_names names,
		      uint32_t *ranks)
{
	size_t count = profile->line_count + 1, i;
	struct line_name *all = calloc(count, sizeof(*all));
	int err = -ENOMEM;

	folded->names = calloc(count, sizeof(*folded->names));
	folded->modules = calloc(count, sizeof(*folded->modules));
	folded->copies = calloc(count, sizeof(*folded->copies));
	if (!all || !folded->names || !folded->modules || !folded->copies)
		goto out;
	for (i = 0; i < count; i++) {
		const char *name = UNKNOWN_NAME;

		if (i < profile->line_count)
			name = profile__line_name(profile, &profile->lines[i]);
		if (!name || !*name)
			name = UNKNOWN_NAME;
		if (names == FOLDED_NAMES_FOR_LINES)
			name = name_for_lines(folded, name);
		if (!name)
			goto out;
		all[i] = (struct line_name){.text = name, .module = "", .line = i};
	}
	if (names == FOLDED_NAMES_AS_THEY_ARE)
		say_modules(profile, all);
	keep_distinct(folded, all, count, ranks);
	err = 0;
out:
	free(all);
	return err;
}

/* Turns a sample, leaf first, into the frames of its stack, root first. */
static void fill_frames(const struct profile *profile, const struct profile_sample *sample,
			const uint32_t *ranks, struct frame *frames)
{
	uint32_t unknown = ranks[profile->line_count], i, line;

	if (!sample->depth)
		*frames = (struct frame){.name = unknown, .kind = FRAME_UNKNOWN};
	for (i = sample->depth; i-- > 0;) {
		const struct profile_location *location = &profile->locations[sample->locations[i]];

		if (!location->line_count)
			*frames++ = (struct frame){.name = unknown, .kind = location->kind};
		for (line = location->line_count; line-- > 0;) {
			uint32_t name = ranks[location->first_line + line];

			*frames++ = (struct frame){.name = name, .kind = location->kind};
		}
	}
}

/* What a sample counts for in a stack. False: nothing. */
static bool take_value(struct folded *folded, const struct profile *profile,
		       const struct profile_sample *sample, struct stack *stack)
{
	int64_t value = sample->values[profile->shown_type];
	bool is_base = profile_sample__is_base(profile, sample);

	folded->is_diff |= is_base;
	if (is_base)
		value = value == INT64_MIN ? INT64_MAX : -value;
	if (value <= 0)
		return false;
	stack->value = is_base ? 0 : value;
	stack->base = is_base ? value : 0;
	return true;
}

uint64_t folded__count_frames(const struct profile *profile)
{
	uint64_t count = 0;

	for (size_t i = 0; i < profile->sample_count && count <= FRAMES_MAX; i++) {
		uint64_t depth = profile_sample__frames(profile, &profile->samples[i]);

		count = depth > FRAMES_MAX ? depth : count + depth;
	}
	return count;
}

static int fill_stacks(struct folded *folded, const struct profile *profile, const uint32_t *ranks)
{
	uint64_t frame_count = folded__count_frames(profile);
	struct frame *frames;
	size_t i;

	if (frame_count > FRAMES_MAX)
		return -E2BIG;
	folded->is_diff = profile->diff != DIFF_NONE;
	/* One more of each, because an empty allocation may be NULL. */
	folded->frames = calloc(frame_count + 1, sizeof(*folded->frames));
	folded->stacks = calloc(profile->sample_count + 1, sizeof(*folded->stacks));
	if (!folded->frames || !folded->stacks)
		return -ENOMEM;
	frames = folded->frames;
	for (i = 0; i < profile->sample_count; i++) {
		const struct profile_sample *sample = &profile->samples[i];
		struct stack *stack = &folded->stacks[folded->stack_count];

		if (!take_value(folded, profile, sample, stack))
			continue;
		stack->frames = frames;
		stack->depth = profile_sample__frames(profile, sample);
		fill_frames(profile, sample, ranks, frames);
		frames += stack->depth;
		folded->stack_count++;
	}
	return 0;
}

static int compare_stacks(const void *left, const void *right)
{
	const struct stack *a = left, *b = right;
	uint32_t i;

	for (i = 0; i < a->depth && i < b->depth; i++) {
		if (a->frames[i].name != b->frames[i].name)
			return a->frames[i].name < b->frames[i].name ? -1 : 1;
	}
	return (a->depth > b->depth) - (a->depth < b->depth);
}

static void merge_stack(struct stack *into, const struct stack *from)
{
	uint32_t i;

	into->value = saturating__add(into->value, from->value);
	into->base = saturating__add(into->base, from->base);
	/* A name may stand for code of two kinds: the greater one, whichever came first. */
	for (i = 0; i < into->depth; i++) {
		if (from->frames[i].kind > into->frames[i].kind)
			into->frames[i].kind = from->frames[i].kind;
	}
}

static void merge_stacks(struct folded *folded)
{
	struct stack *stacks = folded->stacks;
	size_t count = 0, i;

	qsort(stacks, folded->stack_count, sizeof(*stacks), compare_stacks);
	for (i = 0; i < folded->stack_count; i++) {
		folded->total = saturating__add(folded->total, stacks[i].value);
		folded->base_total = saturating__add(folded->base_total, stacks[i].base);
		if (count && compare_stacks(&stacks[count - 1], &stacks[i]) == 0)
			merge_stack(&stacks[count - 1], &stacks[i]);
		else
			stacks[count++] = stacks[i];
	}
	folded->stack_count = count;
}

struct folded *folded__new(const struct profile *profile, enum folded_names names)
{
	struct folded *folded = calloc(1, sizeof(*folded));
	uint32_t *ranks = calloc(profile->line_count + 1, sizeof(*ranks));
	int err = -ENOMEM;

	if (!folded || !ranks)
		goto out;
	if (profile->line_count >= FRAME_NAMES_MAX) {
		err = -E2BIG;
		goto out;
	}
	err = rank_names(folded, profile, names, ranks);
	if (!err)
		err = fill_stacks(folded, profile, ranks);
	if (!err)
		merge_stacks(folded);
out:
	free(ranks);
	if (err) {
		folded__free(folded);
		errno = -err;
		return NULL;
	}
	return folded;
}

void folded__free(struct folded *folded)
{
	size_t i;

	if (!folded)
		return;
	for (i = 0; i < folded->copy_count; i++)
		free(folded->copies[i]);
	free(folded->copies);
	free(folded->modules);
	free(folded->names);
	free(folded->frames);
	free(folded->stacks);
	free(folded);
}

/* What follows a stack in its line: its value, and before that, where it is a diff, what it is
 * compared with, as difffolded.pl has it. */
#define LINE_END_BYTES 48 /* " 9223372036854775807 9223372036854775807\n" */

static void make_end(const struct folded *folded, const struct stack *stack,
		     char end[LINE_END_BYTES])
{
	if (folded->is_diff)
		snprintf(end, LINE_END_BYTES, " %" PRId64 " %" PRId64 "\n", stack->base,
			 stack->value);
	else
		snprintf(end, LINE_END_BYTES, " %" PRId64 "\n", stack->value);
}

/* What is left of a line from some frame on: the rest of a name, then what follows it. */
struct line_rest {
	const char *name;
	char end[LINE_END_BYTES];
	uint32_t at;
};

static struct line_rest line_rest(const struct folded *folded, const struct stack *stack,
				  uint32_t frame)
{
	struct line_rest rest = {.name = folded->names[stack->frames[frame].name], .end = ";"};

	if (frame + 1 == stack->depth)
		make_end(folded, stack, rest.end);
	return rest;
}

static unsigned char next_byte(struct line_rest *rest)
{
	return *rest->name ? *rest->name++ : rest->end[rest->at++];
}

/* Orders stacks as `LC_ALL=C sort` orders their lines. By names it would be another order: "f" is
 * less than "f(int)", but "f;" is more. */
static int compare_lines(const void *left, const void *right, void *folded)
{
	const struct stack *a = left, *b = right;
	struct line_rest rest_a, rest_b;
	unsigned char byte_a, byte_b;
	uint32_t i = 0;

	while (i < a->depth && i < b->depth && a->frames[i].name == b->frames[i].name)
		i++;
	if (i == a->depth || i == b->depth)
		return (a->depth > b->depth) - (a->depth < b->depth);
	rest_a = line_rest(folded, a, i);
	rest_b = line_rest(folded, b, i);
	do {
		byte_a = next_byte(&rest_a);
		byte_b = next_byte(&rest_b);
	} while (byte_a == byte_b && byte_a);
	return (byte_a > byte_b) - (byte_a < byte_b);
}

static void write_line(const struct folded *folded, const struct stack *stack, FILE *out)
{
	char end[LINE_END_BYTES];
	uint32_t i;

	for (i = 0; i < stack->depth; i++) {
		if (i)
			putc(';', out);
		fputs(folded->names[stack->frames[i].name], out);
	}
	make_end(folded, stack, end);
	fputs(end, out);
}

int export_folded(const struct profile *profile, FILE *out)
{
	struct folded *folded = folded__new(profile, FOLDED_NAMES_FOR_LINES);
	size_t i;

	if (!folded)
		return -errno;
	qsort_r(folded->stacks, folded->stack_count, sizeof(*folded->stacks), compare_lines,
		folded);
	for (i = 0; i < folded->stack_count; i++)
		write_line(folded, &folded->stacks[i], out);
	folded__free(folded);
	return fflush(out) || ferror(out) ? -EIO : 0;
}
