// SPDX-License-Identifier: Apache-2.0
/* All sample types as one tree of functions, for whoever draws it: JSON in columns, so that a tree
 * of fifty thousand nodes is a few arrays of numbers. A frame is a function of a module; a node is
 * a frame below another node, and nodes come in preorder, siblings by name. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/intern.h"
#include "base/saturating.h"
#include "export/export.h"
#include "export/folded.h"
#include "export/json.h"

#define TREE_VERSION 1

/* A function as it is told; the first three are what it is known by. */
struct tree_frame {
	const char *name;
	const char *module; /* the file whose code it is; "": none */
	enum frame_kind kind;
	const char *file; /* that its source is in; "": unknown */
	int64_t line;     /* where it begins there; 0: unknown */
};

/* A frame that the profile has, on its way to a place among the distinct ones. */
struct candidate {
	struct tree_frame frame;
	size_t slot; /* see slot_of_line() and its kin */
};

/* The stack of one sample. */
struct tree_stack {
	const uint32_t *frames; /* root first */
	uint32_t depth;
	uint32_t shared; /* so many frames are the last stack's, too */
	const struct profile_sample *sample;
	bool is_base;
};

struct texts {
	const char **items;
	size_t count, capacity;
};

struct tree {
	const struct profile *profile;
	struct json *json;
	struct tree_frame *frames; /* distinct, sorted */
	size_t frame_count;
	uint32_t *ranks;           /* by slot: the frame's place */
	uint32_t *stack_frames;    /* what the stacks point into */
	struct tree_stack *stacks; /* sorted */
	size_t stack_count;
	bool is_diff;
	struct intern *text_ids;
	struct texts texts;
	int err; /* the first one of interning; sticks */
};

/* A slot for each line, which is of one location only; one for each location, for those without a
 * line; and one for samples without a location. */
static size_t slot_count(const struct profile *profile)
{
	return profile->line_count + profile->location_count + 1;
}

static size_t slot_of_location(const struct profile *profile, size_t location)
{
	return profile->line_count + location;
}

static size_t slot_of_nothing(const struct profile *profile)
{
	return profile->line_count + profile->location_count;
}

static int compare_identities(const struct tree_frame *a, const struct tree_frame *b)
{
	int order = strcmp(a->name, b->name);

	if (!order)
		order = strcmp(a->module, b->module);
	return order ? order : (a->kind > b->kind) - (a->kind < b->kind);
}

/* Of several functions of one name in one module, such as static ones, the one that comes first
 * here gives file and line: by what is known. */
static int compare_candidates(const void *left, const void *right)
{
	const struct tree_frame *a = &((const struct candidate *)left)->frame;
	const struct tree_frame *b = &((const struct candidate *)right)->frame;
	int order = compare_identities(a, b);

	if (!order)
		order = !*a->file - !*b->file;
	if (!order)
		order = strcmp(a->file, b->file);
	return order ? order : (a->line > b->line) - (a->line < b->line);
}

static struct tree_frame frame_of(const struct profile *profile,
				  const struct profile_location *location,
				  const struct profile_line *line)
{
	struct tree_frame frame = {
		.name = UNKNOWN_NAME, .module = "", .kind = location->kind, .file = ""};
	const struct profile_function *function;

	if (location->mapping != PROFILE_NO_MAPPING)
		frame.module = profile->strings[profile->mappings[location->mapping].file];
	if (!line)
		return frame;
	function = &profile->functions[line->function];
	if (function->name)
		frame.name = profile->strings[function->name];
	frame.file = profile->strings[function->file];
	frame.line = function->start_line > 0 ? function->start_line : 0;
	return frame;
}

static size_t fill_candidates(const struct profile *profile, struct candidate *all)
{
	size_t count = 0;

	for (size_t i = 0; i < profile->location_count; i++) {
		const struct profile_location *location = &profile->locations[i];

		if (!location->line_count)
			all[count++] = (struct candidate){frame_of(profile, location, NULL),
							  slot_of_location(profile, i)};
		for (uint32_t line = 0; line < location->line_count; line++) {
			size_t slot = location->first_line + line;

			all[count++] = (struct candidate){
				frame_of(profile, location, &profile->lines[slot]), slot};
		}
	}
	all[count++] = (struct candidate){
		{.name = UNKNOWN_NAME, .module = "", .kind = FRAME_UNKNOWN, .file = ""},
		slot_of_nothing(profile)
        };
	return count;
}

static int rank_frames(struct tree *tree)
{
	size_t slots = slot_count(tree->profile), count;
	struct candidate *all = calloc(slots, sizeof(*all));

	tree->frames = calloc(slots, sizeof(*tree->frames));
	tree->ranks = calloc(slots, sizeof(*tree->ranks));
	if (!all || !tree->frames || !tree->ranks) {
		free(all);
		return -ENOMEM;
	}
	count = fill_candidates(tree->profile, all);
	qsort(all, count, sizeof(*all), compare_candidates);
	for (size_t i = 0; i < count; i++) {
		if (!i || compare_identities(&all[i].frame, &all[i - 1].frame))
			tree->frames[tree->frame_count++] = all[i].frame;
		tree->ranks[all[i].slot] = tree->frame_count - 1;
	}
	free(all);
	return 0;
}

/* Turns a sample, leaf first, into the frames of its stack, root first. */
static void fill_frames(const struct tree *tree, const struct profile_sample *sample,
			uint32_t *frames)
{
	const struct profile *profile = tree->profile;

	if (!sample->depth)
		*frames = tree->ranks[slot_of_nothing(profile)];
	for (uint32_t i = sample->depth; i-- > 0;) {
		uint32_t index = sample->locations[i];
		const struct profile_location *location = &profile->locations[index];

		if (!location->line_count)
			*frames++ = tree->ranks[slot_of_location(profile, index)];
		for (uint32_t line = location->line_count; line-- > 0;)
			*frames++ = tree->ranks[location->first_line + line];
	}
}

/* What a sample counts for, in one of the two sides of a diff. What is below zero, and not to be
 * compared with, has no width. */
static int64_t value_of(const struct tree_stack *stack, uint32_t type, bool base)
{
	int64_t value = stack->sample->values[type];

	if (stack->is_base != base)
		return 0;
	if (base)
		value = saturating__subtract(0, value);
	return value > 0 ? value : 0;
}

static bool counts(const struct tree_stack *stack, uint32_t type_count)
{
	for (uint32_t type = 0; type < type_count; type++) {
		if (value_of(stack, type, stack->is_base))
			return true;
	}
	return false;
}

static int fill_stacks(struct tree *tree)
{
	const struct profile *profile = tree->profile;
	uint64_t frame_count = folded__count_frames(profile);
	uint32_t *frames;

	if (frame_count > FRAMES_MAX)
		return -E2BIG;
	frames = tree->stack_frames = calloc(frame_count + 1, sizeof(*frames));
	tree->stacks = calloc(profile->sample_count + 1, sizeof(*tree->stacks));
	if (!tree->stack_frames || !tree->stacks)
		return -ENOMEM;
	tree->is_diff = profile->diff != DIFF_NONE;
	for (size_t i = 0; i < profile->sample_count; i++) {
		struct tree_stack *stack = &tree->stacks[tree->stack_count];

		stack->sample = &profile->samples[i];
		stack->is_base = profile_sample__is_base(profile, stack->sample);
		tree->is_diff |= stack->is_base;
		if (!counts(stack, profile->type_count))
			continue;
		stack->frames = frames;
		stack->depth = profile_sample__frames(profile, stack->sample);
		fill_frames(tree, stack->sample, frames);
		frames += stack->depth;
		tree->stack_count++;
	}
	return 0;
}

static uint32_t shared_depth(const struct tree_stack *a, const struct tree_stack *b)
{
	uint32_t depth = 0;

	while (depth < a->depth && depth < b->depth && a->frames[depth] == b->frames[depth])
		depth++;
	return depth;
}

static int compare_stacks(const void *left, const void *right)
{
	const struct tree_stack *a = left, *b = right;
	uint32_t shared = shared_depth(a, b);

	if (shared < a->depth && shared < b->depth)
		return a->frames[shared] < b->frames[shared] ? -1 : 1;
	return (a->depth > b->depth) - (a->depth < b->depth);
}

/* Sorted, a stack's nodes are all there already, but for those behind what it shares with the one
 * before it; and what is equal is side by side. */
static void sort_stacks(struct tree *tree)
{
	qsort(tree->stacks, tree->stack_count, sizeof(*tree->stacks), compare_stacks);
	for (size_t i = 1; i < tree->stack_count; i++)
		tree->stacks[i].shared = shared_depth(&tree->stacks[i - 1], &tree->stacks[i]);
}

/* The text's number in "strings". */
static uint32_t text_id(struct tree *tree, const char *text)
{
	bool is_new = false;
	uint32_t id = intern__id(tree->text_ids, text, strlen(text), &is_new);

	if (id == INTERN_FAILED || (is_new && array_append(&tree->texts.items, &tree->texts.count,
							   &tree->texts.capacity, text)))
		tree->err = -ENOMEM;
	return id;
}

static void put_type(struct tree *tree, const struct value_type *type)
{
	const char *const *strings = tree->profile->strings;

	json__member(tree->json, "type", strings[type->type]);
	json__member(tree->json, "unit", strings[type->unit]);
	json__close_map(tree->json);
}

/* The sum of what has no width, since it is below zero. */
static int64_t below_zero(const struct profile *profile, uint32_t type)
{
	int64_t sum = 0;

	for (size_t i = 0; i < profile->sample_count; i++) {
		const struct profile_sample *sample = &profile->samples[i];

		if (sample->values[type] < 0 && !profile_sample__is_base(profile, sample))
			sum = saturating__add(sum, sample->values[type]);
	}
	return sum;
}

static void put_types(struct tree *tree)
{
	const struct profile *profile = tree->profile;

	json__member_map(tree->json, "period_type");
	put_type(tree, &profile->period_type);
	json__member_array(tree->json, "types");
	for (uint32_t i = 0; i < profile->type_count; i++) {
		json__open_map(tree->json);
		put_type(tree, &profile->types[i]);
	}
	json__close_array(tree->json);
	json__member_number(tree->json, "shown", profile->shown_type);
	json__member_array(tree->json, "below_zero");
	for (uint32_t i = 0; i < profile->type_count; i++)
		json__number(tree->json, below_zero(profile, i));
	json__close_array(tree->json);
}

static void put_head(struct tree *tree)
{
	const struct profile *profile = tree->profile;
	struct json *json = tree->json;

	json__member_number(json, "version", TREE_VERSION);
	json__member(json, "title", profile->strings[profile->title]);
	json__member(json, "kind", profile->strings[profile->kind]);
	json__member_number(json, "time_ms", profile->time_ns / 1000000);
	json__member_number(json, "duration_ms", profile->duration_ns / 1000000);
	json__member_number(json, "period", profile->period);
	put_types(tree);
	json__member_array(json, "comments");
	for (size_t i = 0; i < profile->comment_count; i++)
		json__text(json, profile->strings[profile->comments[i]]);
	json__close_array(json);
	json__member_map(json, "outcome");
	json__member_number(json, "whole", profile->outcome.whole);
	json__member_number(json, "truncated", profile->outcome.truncated);
	json__member_number(json, "lost_stacks", profile->outcome.lost_stacks);
	json__member_number(json, "lost", profile->outcome.lost);
	json__close_map(json);
	json__text(json, "diff");
	json__boolean(json, tree->is_diff);
}

static void put_frame_texts(struct tree *tree, const char *key,
			    const char *(*text)(const struct tree_frame *frame))
{
	json__member_array(tree->json, key);
	for (size_t i = 0; i < tree->frame_count; i++)
		json__number(tree->json, text_id(tree, text(&tree->frames[i])));
	json__close_array(tree->json);
}

static const char *name_of(const struct tree_frame *frame)
{
	return frame->name;
}

static const char *module_of(const struct tree_frame *frame)
{
	return frame->module;
}

static const char *file_of(const struct tree_frame *frame)
{
	return frame->file;
}

static void put_frames(struct tree *tree)
{
	struct json *json = tree->json;

	text_id(tree, "");
	json__member_map(json, "frames");
	put_frame_texts(tree, "name", name_of);
	put_frame_texts(tree, "module", module_of);
	put_frame_texts(tree, "file", file_of);
	json__member_array(json, "line");
	for (size_t i = 0; i < tree->frame_count; i++)
		json__number(json, tree->frames[i].line);
	json__close_array(json);
	json__member_array(json, "kind");
	for (size_t i = 0; i < tree->frame_count; i++)
		json__number(json, tree->frames[i].kind);
	json__close_array(json);
	json__close_map(json);
	json__member_array(json, "strings");
	for (size_t i = 0; i < tree->texts.count; i++)
		json__text(json, tree->texts.items[i]);
	json__close_array(json);
}

/* The root, then what each stack adds to the stacks before it. */
static void put_shape(struct tree *tree)
{
	struct json *json = tree->json;

	json__member_array(json, "depth");
	json__number(json, 0);
	for (size_t i = 0; i < tree->stack_count; i++) {
		for (uint32_t at = tree->stacks[i].shared; at < tree->stacks[i].depth; at++)
			json__number(json, at + 1);
	}
	json__close_array(json);
	json__member_array(json, "frame");
	json__number(json, -1);
	for (size_t i = 0; i < tree->stack_count; i++) {
		for (uint32_t at = tree->stacks[i].shared; at < tree->stacks[i].depth; at++)
			json__number(json, tree->stacks[i].frames[at]);
	}
	json__close_array(json);
}

/* What the samples at a stack's last node count for; `next` becomes the first of another stack. */
static int64_t sum_of_equal(const struct tree *tree, size_t *next, uint32_t type, bool base)
{
	int64_t sum = value_of(&tree->stacks[*next], type, base);

	while (++*next < tree->stack_count &&
	       tree->stacks[*next].shared == tree->stacks[*next].depth)
		sum = saturating__add(sum, value_of(&tree->stacks[*next], type, base));
	return sum;
}

static void put_column(struct tree *tree, uint32_t type, bool base)
{
	struct json *json = tree->json;
	size_t next = 0;

	json__open_array(json);
	json__number(json, 0);
	while (next < tree->stack_count) {
		const struct tree_stack *stack = &tree->stacks[next];

		for (uint32_t at = stack->shared; at + 1 < stack->depth; at++)
			json__number(json, 0);
		json__number(json, sum_of_equal(tree, &next, type, base));
	}
	json__close_array(json);
}

static void put_values(struct tree *tree, const char *key, bool base)
{
	json__member_array(tree->json, key);
	for (uint32_t type = 0; type < tree->profile->type_count; type++)
		put_column(tree, type, base);
	json__close_array(tree->json);
}

static void put_tree(struct tree *tree)
{
	json__open_map(tree->json);
	put_head(tree);
	put_frames(tree);
	json__member_map(tree->json, "nodes");
	put_shape(tree);
	put_values(tree, "self", false);
	if (tree->is_diff)
		put_values(tree, "base", true);
	json__close_map(tree->json);
	json__close_map(tree->json);
}

static void release(struct tree *tree)
{
	free(tree->frames);
	free(tree->ranks);
	free(tree->stack_frames);
	free(tree->stacks);
	free(tree->texts.items);
	intern__free(tree->text_ids);
}

int export_tree(const struct profile *profile, FILE *out)
{
	struct tree tree = {.profile = profile, .text_ids = intern__new()};
	int err = tree.text_ids ? rank_frames(&tree) : -ENOMEM, end_err;

	if (!err)
		err = fill_stacks(&tree);
	if (!err) {
		sort_stacks(&tree);
		tree.json = json__new(out);
		err = tree.json ? 0 : -errno;
	}
	if (!err) {
		put_tree(&tree);
		end_err = json__end(tree.json);
		err = tree.err ? tree.err : end_err;
	}
	release(&tree);
	return err;
}
