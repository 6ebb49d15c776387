// SPDX-License-Identifier: Apache-2.0
#include "profile/diff.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/saturating.h"
#include "profile/builder.h"

struct labels {
	struct profile_label *items;
	size_t count, capacity;
};

/* One of the two on its way into the builder. */
struct side {
	struct profile_builder *builder;
	const struct profile *profile;
	bool is_base;
	long double scales[PROFILE_VALUES_MAX]; /* of values, by their type */
	uint32_t *functions, *locations;        /* what those of the profile have become */
};

bool profile__comparable(const struct profile *before, const struct profile *after)
{
	if (before->type_count != after->type_count)
		return false;
	for (uint32_t i = 0; i < after->type_count; i++) {
		const struct value_type *a = &before->types[i], *b = &after->types[i];

		if (strcmp(before->strings[a->type], after->strings[b->type]) ||
		    strcmp(before->strings[a->unit], after->strings[b->unit]))
			return false;
	}
	return true;
}

static string_id copy_string(const struct side *side, string_id id)
{
	return profile_builder__string(side->builder, side->profile->strings[id]);
}

static void copy_functions(struct side *side)
{
	for (size_t i = 0; i < side->profile->function_count; i++) {
		const struct profile_function *from = &side->profile->functions[i];

		side->functions[i] = profile_builder__function(
			side->builder, &(struct profile_function){
					       .name = copy_string(side, from->name),
					       .system_name = copy_string(side, from->system_name),
					       .file = copy_string(side, from->file),
					       .start_line = from->start_line,
				       });
	}
}

static uint32_t copy_mapping(struct side *side, uint32_t index)
{
	struct profile_mapping mapping;
	uint32_t copy;

	if (index == PROFILE_NO_MAPPING)
		return index;
	mapping = side->profile->mappings[index];
	mapping.file = copy_string(side, mapping.file);
	mapping.build_id = copy_string(side, mapping.build_id);
	copy = profile_builder__mapping(side->builder, &mapping);
	profile_builder__mark_mapping(side->builder, copy, &mapping);
	return copy;
}

static int copy_locations(struct side *side)
{
	const struct profile *profile = side->profile;
	struct profile_line *lines = calloc(profile->line_count + 1, sizeof(*lines));

	if (!lines)
		return -ENOMEM;
	for (size_t i = 0; i < profile->line_count; i++) {
		lines[i] = profile->lines[i];
		lines[i].function = side->functions[lines[i].function];
	}
	/* The main binary stays the first, whether or not any location is in it. */
	for (size_t i = 0; i < profile->mapping_count; i++)
		copy_mapping(side, i);
	for (size_t i = 0; i < profile->location_count; i++) {
		const struct profile_location *from = &profile->locations[i];

		side->locations[i] = profile_builder__add_location(
			side->builder, copy_mapping(side, from->mapping), from->address, from->kind,
			lines + from->first_line, from->line_count);
	}
	free(lines);
	return 0;
}

static int64_t scaled(int64_t value, long double scale)
{
	long double exact = roundl(value * scale);

	if (exact >= 0x1p63L)
		return INT64_MAX;
	return exact <= -0x1p63L ? INT64_MIN : (int64_t)exact;
}

static int copy_labels(const struct side *side, const struct profile_sample *sample,
		       struct labels *labels)
{
	labels->count = 0;
	for (uint32_t i = 0; i < sample->label_count + side->is_base; i++) {
		struct profile_label label = {
			.key = profile_builder__string(side->builder, PROFILE_BASE_KEY),
			.text = profile_builder__string(side->builder, PROFILE_BASE_TEXT),
		};

		if (i < sample->label_count) {
			label = sample->labels[i];
			label.key = copy_string(side, label.key);
			label.text = copy_string(side, label.text);
			label.unit = copy_string(side, label.unit);
		}
		if (array_append(&labels->items, &labels->count, &labels->capacity, label))
			return -ENOMEM;
	}
	return 0;
}

/* The stack's copy; NULL where memory is short. */
static uint32_t *copy_stack(const struct side *side, const struct profile_sample *sample)
{
	uint32_t *stack = calloc(sample->depth + 1UL, sizeof(*stack));

	for (uint32_t i = 0; stack && i < sample->depth; i++)
		stack[i] = side->locations[sample->locations[i]];
	return stack;
}

static int copy_samples(const struct side *side)
{
	struct labels labels = {};
	int err = 0;

	for (size_t i = 0; !err && i < side->profile->sample_count; i++) {
		const struct profile_sample *sample = &side->profile->samples[i];
		uint32_t *stack = copy_stack(side, sample);
		int64_t values[PROFILE_VALUES_MAX];

		err = stack ? copy_labels(side, sample, &labels) : -ENOMEM;
		for (uint32_t type = 0; type < side->profile->type_count; type++)
			values[type] = scaled(sample->values[type], side->scales[type]);
		if (!err)
			profile_builder__sample(side->builder, stack, sample->depth, values,
						labels.items, labels.count);
		free(stack);
	}
	free(labels.items);
	return err;
}

static int copy_side(struct side *side)
{
	const struct profile *profile = side->profile;
	int err = -ENOMEM;

	side->functions = calloc(profile->function_count + 1, sizeof(*side->functions));
	side->locations = calloc(profile->location_count + 1, sizeof(*side->locations));
	if (side->functions && side->locations) {
		copy_functions(side);
		err = copy_locations(side);
	}
	if (!err)
		err = copy_samples(side);
	for (size_t i = 0; i < profile->comment_count; i++)
		profile_builder__comment(side->builder, "%s: %s",
					 side->is_base ? "before" : "after",
					 profile->strings[profile->comments[i]]);
	free(side->functions);
	free(side->locations);
	return err;
}

/* Of both together; a kind only where both have it. */
static void say_origins(struct profile_builder *builder, const struct profile *before,
			const struct profile *after)
{
	const struct profile_outcome *a = &before->outcome, *b = &after->outcome;
	const char *kind = after->strings[after->kind];

	if (!strcmp(before->strings[before->kind], kind))
		profile_builder__kind(builder, kind);
	profile_builder__outcome(
		builder, &(struct profile_outcome){
				 .whole = saturating__add(a->whole, b->whole),
				 .truncated = saturating__add(a->truncated, b->truncated),
				 .lost_stacks = saturating__add(a->lost_stacks, b->lost_stacks),
				 .lost = saturating__add(a->lost, b->lost),
			 });
}

static void say_head(struct profile_builder *builder, const struct profile *after,
		     const struct diff_options *options)
{
	const char *const *strings = after->strings;

	for (uint32_t i = 0; i < after->type_count; i++)
		profile_builder__type(builder, strings[after->types[i].type],
				      strings[after->types[i].unit], i == after->shown_type);
	profile_builder__default_type(builder, strings[after->default_sample_type]);
	profile_builder__period(builder, strings[after->period_type.type],
				strings[after->period_type.unit], after->period);
	profile_builder__times(builder, after->time_ns, after->duration_ns);
	profile_builder__pruning(builder, strings[after->drop_frames], strings[after->keep_frames]);
	profile_builder__title(builder, options->title);
	profile_builder__diff(builder, options->widths);
}

/* The sum may not fit in 64 bits. */
static long double total_of(const struct profile *profile, uint32_t type)
{
	long double total = 0;

	for (size_t i = 0; i < profile->sample_count; i++)
		total += profile->samples[i].values[type];
	return total;
}

/* A total of zero cannot be scaled to any other. */
static void set_scales(struct side *base, const struct profile *after, bool normalize)
{
	for (uint32_t i = 0; i < after->type_count; i++) {
		long double total = normalize ? total_of(base->profile, i) : 0;

		base->scales[i] = total ? -total_of(after, i) / total : -1;
	}
	if (normalize)
		profile_builder__comment(base->builder,
					 "before: values are multiplied by %.4Lg, so that totals "
					 "are equal",
					 -base->scales[after->shown_type]);
}

const struct profile *profile__diff(const struct profile *before, const struct profile *after,
				    const struct diff_options *options)
{
	struct profile_builder *builder;
	struct side base = {.profile = before, .is_base = true}, later = {.profile = after};
	int err;

	if (!profile__comparable(before, after)) {
		errno = EINVAL;
		return NULL;
	}
	builder = profile_builder__new();
	if (!builder)
		return NULL;
	base.builder = later.builder = builder;
	say_head(builder, after, options);
	say_origins(builder, before, after);
	set_scales(&base, after, options->normalize);
	for (uint32_t i = 0; i < after->type_count; i++)
		later.scales[i] = 1;
	err = copy_side(&later);
	if (!err)
		err = copy_side(&base);
	if (!err)
		return profile_builder__freeze(builder);
	profile_builder__free(builder);
	errno = -err;
	return NULL;
}
