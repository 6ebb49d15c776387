// SPDX-License-Identifier: Apache-2.0
/* speedscope's JSON. In a file of exoprof's the profiles beside each other are the sample types; in
 * others' they are threads, of whose samples each gets the thread's name. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/intern.h"
#include "import/reader.h"
#include "import/speedscope_file.h"

/* Of frames that events open. */
#define OPEN_MAX 4096

static const struct unit {
	const char *name; /* speedscope's */
	const char *type, *unit;
	double scale;
} units[] = {
	{"none",         "samples", "count",       1  },
	{"bytes",        "space",   "bytes",       1  },
	{"nanoseconds",  "time",    "nanoseconds", 1  },
	{"microseconds", "time",    "nanoseconds", 1e3},
	{"milliseconds", "time",    "nanoseconds", 1e6},
	{"seconds",      "time",    "nanoseconds", 1e9},
};

struct numbers {
	uint32_t *items;
	size_t count, capacity;
};

/* Stacks are the ways to the nodes of a tree: one that differs from another in its leaf costs a
 * node, however deep it is. */
#define NO_NODE UINT32_MAX /* above the roots */

struct node {
	uint32_t parent;
	uint32_t location;
};

struct nodes {
	struct node *items;
	size_t count, capacity;
};

/* What was seen with one stack. */
struct row {
	uint32_t node; /* the leaf */
	uint32_t depth;
	uint32_t thread;
	int64_t values[PROFILE_VALUES_MAX];
};

struct rows {
	struct row *items;
	size_t count, capacity;
};

struct scope_reading {
	struct reading *in;
	struct speedscope_file file;
	const struct unit **units; /* of each profile, as is the next one */
	uint32_t *types;
	bool has_threads;
	uint32_t *locations; /* of each frame */
	struct intern *node_ids, *row_ids;
	struct nodes nodes;
	struct rows rows;
	struct numbers open;       /* frames of an evented profile, root first */
	struct numbers open_nodes; /* the same as nodes */
};

static const struct unit *find_unit(const char *name)
{
	for (size_t i = 0; name && i < sizeof(units) / sizeof(*units); i++) {
		if (!strcmp(units[i].name, name))
			return &units[i];
	}
	return NULL;
}

/* Which of the types is the profile's; where it has its own, or has a new unit, they are one more.
 */
static uint32_t type_of(const struct scope_reading *reading, size_t number,
			struct type_names *types, size_t *count)
{
	const struct unit *unit = reading->units[number];
	const char *name = reading->file.profiles[number].name;
	uint32_t i = 0;

	if (reading->has_threads) {
		name = unit->type;
		/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): a unit has a type */
		while (i < *count && strcmp(types[i].type, name))
			i++;
		if (i < *count)
			return i;
	}
	if (*count < PROFILE_VALUES_MAX)
		types[*count] = (struct type_names){name ? name : unit->type, unit->unit};
	return (*count)++;
}

static int read_types(struct scope_reading *reading)
{
	const struct speedscope_file *file = &reading->file;
	struct type_names types[PROFILE_VALUES_MAX];
	size_t count = 0, active = 0;

	reading->has_threads = !file->exporter || strcmp(file->exporter, "exoprof");
	reading->units = calloc(file->profile_count + 1, sizeof(*reading->units));
	reading->types = calloc(file->profile_count + 1, sizeof(*reading->types));
	if (!reading->units || !reading->types)
		return -ENOMEM;
	for (size_t i = 0; i < file->profile_count; i++) {
		reading->units[i] = find_unit(file->profiles[i].unit);
		if (!reading->units[i])
			return reading__refuse(reading->in,
					       "profile %zu has no unit that speedscope knows", i);
		reading->types[i] = type_of(reading, i, types, &count);
	}
	if (file->active > 0 && file->active < file->profile_count)
		active = file->active;
	return reading__types(reading->in, types, count, count ? reading->types[active] : 0);
}

static int read_frames(struct scope_reading *reading)
{
	struct profile_builder *builder = reading->in->builder;
	const struct speedscope_file *file = &reading->file;

	reading->locations = calloc(file->frame_count + 1, sizeof(*reading->locations));
	if (!reading->locations)
		return -ENOMEM;
	for (size_t i = 0; i < file->frame_count; i++) {
		const struct speedscope_frame *frame = &file->frames[i];
		const char *name = frame->name ? frame->name : "";
		struct profile_function function = {
			.name = profile_builder__string(builder, name),
			.file = profile_builder__string(builder, frame->file ? frame->file : ""),
		};
		struct profile_line line = {0};

		function.system_name = function.name;
		line.function = profile_builder__function(builder, &function);
		if (frame->line > 0 && frame->line < INT32_MAX)
			line.line = frame->line;
		reading->locations[i] = profile_builder__add_location(
			builder, PROFILE_NO_MAPPING, 0, reading__kind_of_name(name), &line, 1);
	}
	return 0;
}

/* The node of a frame that the code of another calls; NO_NODE for the parent of a root. */
static int find_child(struct scope_reading *reading, uint32_t parent, double number,
		      uint32_t *child)
{
	size_t count = reading->file.frame_count;
	struct node node = {.parent = parent};
	bool is_new;

	if (!(number >= 0 && number < count) || number != floor(number))
		return reading__refuse(reading->in, "it names frame %g, and has %zu frames", number,
				       count);
	node.location = reading->locations[(size_t)number];
	*child = intern__id(reading->node_ids, &node, sizeof(node), &is_new);
	if (*child == INTERN_FAILED)
		return -ENOMEM;
	return is_new ? array_append(&reading->nodes.items, &reading->nodes.count,
				     &reading->nodes.capacity, node)
		      : 0;
}

static int new_row(struct scope_reading *reading, const struct row *row)
{
	int err = reading__count_frames(reading->in, row->depth);

	return err ? err
		   : array_append(&reading->rows.items, &reading->rows.count,
				  &reading->rows.capacity, *row);
}

static uint32_t thread_of(const struct scope_reading *reading, size_t number)
{
	return reading->has_threads && reading->file.profile_count > 1 ? number : UINT32_MAX;
}

/* Adds to what was seen with the stack. */
static int add_value(struct scope_reading *reading, size_t number, uint32_t node, uint32_t depth,
		     int64_t value)
{
	struct row row = {.node = node, .depth = depth, .thread = thread_of(reading, number)};
	uint32_t key[] = {node, row.thread}, id;
	bool is_new;
	int64_t *sum;
	int err;

	id = intern__id(reading->row_ids, key, sizeof(key), &is_new);
	err = id == INTERN_FAILED ? -ENOMEM : is_new ? new_row(reading, &row) : 0;
	if (err)
		return err;
	sum = &reading->rows.items[id].values[reading->types[number]];
	if (__builtin_add_overflow(*sum, value, sum))
		return reading__refuse(reading->in, "its weights add up to more than 64 bits");
	return 0;
}

static int to_value(struct scope_reading *reading, double weight, const struct unit *unit,
		    int64_t *value)
{
	/* 2^63 has an exact double. */
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): each profile has its unit by now */
	if (!(fabs(weight * unit->scale) < 0x1p63))
		return reading__refuse(reading->in, "the weight %g does not fit into 64 bits",
				       weight);
	*value = llrint(weight * unit->scale);
	return 0;
}

static int read_sampled(struct scope_reading *reading, size_t number)
{
	const struct speedscope_profile *profile = &reading->file.profiles[number];
	int err = 0;

	if (profile->end_count != profile->weight_count)
		return reading__refuse(reading->in, "profile %zu has %zu samples, but %zu weights",
				       number, profile->end_count, profile->weight_count);
	for (size_t i = 0; !err && i < profile->end_count; i++) {
		size_t begin = i ? profile->ends[i - 1] : 0;
		uint32_t node = NO_NODE;
		int64_t value = 0;

		err = to_value(reading, profile->weights[i], reading->units[number], &value);
		for (size_t at = begin; !err && at < profile->ends[i]; at++)
			err = find_child(reading, node, profile->frames[at], &node);
		if (!err)
			err = add_value(reading, number, node, profile->ends[i] - begin, value);
	}
	return err;
}

static uint32_t open_node(const struct scope_reading *reading)
{
	const struct numbers *nodes = &reading->open_nodes;

	return nodes->count ? nodes->items[nodes->count - 1] : NO_NODE;
}

static int open_frame(struct scope_reading *reading, double number)
{
	struct numbers *open = &reading->open, *nodes = &reading->open_nodes;
	uint32_t node;
	int err;

	if (open->count == OPEN_MAX)
		return reading__refuse(reading->in, "more than %d frames are open at once",
				       OPEN_MAX);
	err = find_child(reading, open_node(reading), number, &node);
	if (!err)
		err = array_append(&open->items, &open->count, &open->capacity, (uint32_t)number);
	if (!err)
		err = array_append(&nodes->items, &nodes->count, &nodes->capacity, node);
	return err;
}

static int apply_event(struct scope_reading *reading, size_t number,
		       const struct speedscope_event *event)
{
	struct numbers *open = &reading->open;

	if (!(event->frame >= 0 && event->frame < reading->file.frame_count))
		return reading__refuse(reading->in, "an event of profile %zu has no frame", number);
	if (event->type == 'O')
		return open_frame(reading, event->frame);
	if (event->type != 'C' || !open->count ||
	    open->items[open->count - 1] != (uint32_t)event->frame)
		return reading__refuse(reading->in,
				       "an event of profile %zu closes a frame that is not the "
				       "last one opened",
				       number);
	open->count--;
	reading->open_nodes.count--;
	return 0;
}

static int read_evented(struct scope_reading *reading, size_t number)
{
	const struct speedscope_profile *profile = &reading->file.profiles[number];
	const struct unit *unit = reading->units[number];
	int64_t last = 0, at = 0, passed;
	int err = to_value(reading, profile->start, unit, &last);

	reading->open.count = reading->open_nodes.count = 0;
	for (size_t i = 0; !err && i < profile->event_count; i++) {
		const struct speedscope_event *event = &profile->events[i];

		err = to_value(reading, event->at, unit, &at);
		if (!err && (__builtin_sub_overflow(at, last, &passed) || passed < 0))
			err = reading__refuse(reading->in,
					      "the events of profile %zu are not in the order of "
					      "time",
					      number);
		/* The time since the last event belongs to the frames that are open. */
		if (!err && passed && reading->open.count)
			err = add_value(reading, number, open_node(reading), reading->open.count,
					passed);
		if (!err)
			err = apply_event(reading, number, event);
		last = at;
	}
	return err;
}

static int read_profile(struct scope_reading *reading, size_t number)
{
	const char *type = reading->file.profiles[number].type;

	if (type && !strcmp(type, "sampled"))
		return read_sampled(reading, number);
	if (type && !strcmp(type, "evented"))
		return read_evented(reading, number);
	return reading__refuse(reading->in, "profile %zu is neither sampled nor evented", number);
}

/* Leaf first. */
static int fill_stack(const struct scope_reading *reading, const struct row *row,
		      struct numbers *stack)
{
	stack->count = 0;
	for (uint32_t node = row->node; node != NO_NODE; node = reading->nodes.items[node].parent) {
		if (array_append(&stack->items, &stack->count, &stack->capacity,
				 reading->nodes.items[node].location))
			return -ENOMEM;
	}
	return 0;
}

static int add_samples(struct scope_reading *reading)
{
	struct profile_builder *builder = reading->in->builder;
	struct profile_label label = {.key = profile_builder__string(builder, "thread")};
	struct numbers stack = {};
	int err = 0;

	for (size_t i = 0; !err && i < reading->rows.count; i++) {
		const struct row *row = &reading->rows.items[i];
		const char *thread = NULL;

		if (row->thread != UINT32_MAX)
			thread = reading->file.profiles[row->thread].name;
		if (thread)
			label.text = profile_builder__string(builder, thread);
		err = fill_stack(reading, row, &stack);
		if (!err)
			profile_builder__sample(builder, stack.items, stack.count, row->values,
						&label, thread != NULL);
	}
	free(stack.items);
	return err;
}

static int read_all(struct scope_reading *reading)
{
	int err = speedscope_file__parse(reading->in, &reading->file);

	if (!err && !reading->file.profile_count)
		err = reading__refuse(reading->in, "it is JSON, but not speedscope's: it has no "
						   "profiles");
	if (!err)
		err = read_types(reading);
	if (!err)
		err = read_frames(reading);
	for (size_t i = 0; !err && i < reading->file.profile_count; i++)
		err = read_profile(reading, i);
	if (err)
		return err;
	if (reading->file.name)
		profile_builder__title(reading->in->builder, reading->file.name);
	return add_samples(reading);
}

int read_speedscope(struct reading *in)
{
	struct scope_reading reading = {
		.in = in, .node_ids = intern__new(), .row_ids = intern__new()};
	int err = reading.node_ids && reading.row_ids ? read_all(&reading) : -ENOMEM;

	intern__free(reading.node_ids);
	intern__free(reading.row_ids);
	speedscope_file__release(&reading.file);
	free(reading.units);
	free(reading.types);
	free(reading.locations);
	free(reading.nodes.items);
	free(reading.rows.items);
	free(reading.open.items);
	free(reading.open_nodes.items);
	return err;
}
