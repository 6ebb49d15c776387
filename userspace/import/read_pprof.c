// SPDX-License-Identifier: Apache-2.0
/* pprof's protobuf. The message is unpacked whole, by protobuf-c; then every index and id in it is
 * checked on its way into the builder. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "import/id_index.h"
#include "import/reader.h"
#include "profile.pb-c.h"

#define P(name)            Perftools__Profiles__##name

/* What the unpacked message may take: a sample of 2 bytes becomes one of 80. */
#define UNPACKED_BYTES_MAX ((size_t)2 << 30)

struct budget {
	size_t left;
	bool is_spent;
	bool is_refused; /* there is no more memory to be had */
};

struct indexes {
	uint32_t *items;
	size_t count, capacity;
};

struct lines {
	struct profile_line *items;
	size_t count, capacity;
};

struct labels {
	struct profile_label *items;
	size_t count, capacity;
};

struct pprof_reading {
	struct reading *in;
	const P(Profile) * message;
	string_id *strings; /* by their place in the message, as are the next three */
	uint32_t *mappings, *functions, *locations;
	enum frame_kind *kinds; /* of mappings */
	struct id_index *mapping_ids, *function_ids, *location_ids;
	struct lines lines;   /* of one location */
	struct indexes stack; /* of one sample */
	struct labels labels; /* of one sample */
};

/* What glibc's malloc takes for a block: 8 bytes more, in steps of 16, and 32 at least. */
static size_t cost_of(size_t size)
{
	return size <= 24 ? 32 : (size + 8 + 15) & ~(size_t)15;
}

static void *spend(void *data, size_t size)
{
	struct budget *budget = data;
	void *block;

	budget->is_spent |= size > budget->left || cost_of(size) > budget->left;
	if (budget->is_spent)
		return NULL;
	budget->left -= cost_of(size);
	block = malloc(size);
	budget->is_refused |= !block;
	return block;
}

static void give_back(void *data, void *block)
{
	(void)data;
	free(block);
}

static P(Profile) * unpack(struct reading *in, int *err)
{
	struct budget budget = {.left = UNPACKED_BYTES_MAX};
	ProtobufCAllocator allocator = {spend, give_back, &budget};
	P(Profile) *message = perftools__profiles__profile__unpack(&allocator, in->size, in->bytes);

	if (!message && budget.is_spent)
		*err = reading__refuse(in, "it takes more than %zu MiB to unpack",
				       UNPACKED_BYTES_MAX >> 20);
	else if (!message && budget.is_refused)
		*err = -ENOMEM;
	else if (!message)
		*err = reading__refuse(in, "it is none of pprof's protobuf, folded stacks and "
					   "speedscope's JSON");
	return message;
}

static void release_message(P(Profile) * message)
{
	ProtobufCAllocator allocator = {spend, give_back, NULL};

	perftools__profiles__profile__free_unpacked(message, &allocator);
}

/* The text of an index into the message's table. */
static int take_string(struct pprof_reading *reading, int64_t index, string_id *id)
{
	size_t count = reading->message->n_string_table;

	if (index < 0 || (uint64_t)index >= count)
		return reading__refuse(reading->in,
				       "it names string %" PRId64 ", and has %zu strings", index,
				       count);
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): as many as the message has */
	*id = reading->strings[index];
	return 0;
}

static int read_strings(struct pprof_reading *reading)
{
	const P(Profile) *message = reading->message;

	if (message->n_string_table && *message->string_table[0])
		return reading__refuse(reading->in, "its first string is not the empty one");
	reading->strings = calloc(message->n_string_table + 1, sizeof(*reading->strings));
	if (!reading->strings)
		return -ENOMEM;
	for (size_t i = 0; i < message->n_string_table; i++)
		reading->strings[i] =
			profile_builder__string(reading->in->builder, message->string_table[i]);
	return 0;
}

/* The text itself: the indexes have been checked. */
static const char *text_of(const struct pprof_reading *reading, int64_t index)
{
	return reading->message->n_string_table ? reading->message->string_table[index] : "";
}

static int check_type(struct pprof_reading *reading, const P(ValueType) * type)
{
	string_id id;
	int err = take_string(reading, type->type, &id);

	return err ? err : take_string(reading, type->unit, &id);
}

/* pprof shows the last type where the file does not say. */
static int read_types(struct pprof_reading *reading)
{
	const P(Profile) *message = reading->message;
	struct type_names names[PROFILE_VALUES_MAX];
	size_t count = message->n_sample_type, shown = count - 1;
	string_id id;
	int err = 0;

	if (message->default_sample_type)
		err = take_string(reading, message->default_sample_type, &id);
	for (size_t i = 0; !err && i < count && i < PROFILE_VALUES_MAX; i++) {
		const P(ValueType) *type = message->sample_type[i];

		err = check_type(reading, type);
		if (err)
			break;
		names[i] = (struct type_names){text_of(reading, type->type),
					       text_of(reading, type->unit)};
		if (message->default_sample_type &&
		    !strcmp(names[i].type, text_of(reading, message->default_sample_type)))
			shown = i;
	}
	return err ? err : reading__types(reading->in, names, count, shown);
}

/* A heap's first type is alloc_objects, as Go writes it; block and mutex are alike. */
static const char *kind_of(const struct pprof_reading *reading)
{
	static const char *const kinds[][2] = {
		{"goroutine",     "goroutine"   },
		{"threadcreate",  "threadcreate"},
		{"alloc_objects", "heap"        },
		{"cpu",           "profile"     },
	};
	const P(Profile) *message = reading->message;
	const char *default_type =
		message->default_sample_type ? text_of(reading, message->default_sample_type) : "";

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		for (size_t j = 0; j < message->n_sample_type; j++) {
			if (strcmp(text_of(reading, message->sample_type[j]->type), kinds[i][0]))
				continue;
			return strcmp(default_type, "alloc_space") ? kinds[i][1] : "allocs";
		}
	}
	return "";
}

static int read_pruning(struct pprof_reading *reading)
{
	const P(Profile) *message = reading->message;
	string_id id;
	int err = message->drop_frames ? take_string(reading, message->drop_frames, &id) : 0;

	if (!err && message->keep_frames)
		err = take_string(reading, message->keep_frames, &id);
	if (!err)
		profile_builder__pruning(reading->in->builder,
					 text_of(reading, message->drop_frames),
					 text_of(reading, message->keep_frames));
	return err;
}

static int read_head(struct pprof_reading *reading)
{
	struct profile_builder *builder = reading->in->builder;
	const P(Profile) *message = reading->message;
	const P(ValueType) *period = message->period_type;
	int err = period ? check_type(reading, period) : 0;

	if (err)
		return err;
	profile_builder__period(builder, period ? text_of(reading, period->type) : "",
				period ? text_of(reading, period->unit) : "", message->period);
	profile_builder__times(builder, message->time_nanos, message->duration_nanos);
	if (message->default_sample_type)
		profile_builder__default_type(builder,
					      text_of(reading, message->default_sample_type));
	profile_builder__kind(builder, kind_of(reading));
	for (size_t i = 0; i < message->n_comment; i++) {
		string_id id;

		err = take_string(reading, message->comment[i], &id);
		if (err)
			return err;
		profile_builder__comment(builder, "%s", text_of(reading, message->comment[i]));
	}
	return 0;
}

/* An index of messages by their ids. NULL with `err` set. */
#define index_ids(reading, what, count, messages, err)                                      \
	({                                                                                  \
		uint64_t *ids_ = calloc((count) + 1, sizeof(*ids_));                        \
		struct id_index *index_ = NULL;                                             \
		for (size_t i_ = 0; ids_ && i_ < (count); i_++)                             \
			ids_[i_] = (messages)[i_]->id;                                      \
		if (ids_)                                                                   \
			index_ = id_index__new(ids_, count);                                \
		if (!index_)                                                                \
			*(err) = !ids_ || errno != EEXIST                                   \
					 ? -ENOMEM                                          \
					 : reading__refuse((reading)->in,                   \
							   "two " what "s have one id, or " \
							   "one has none");                 \
		free(ids_);                                                                 \
		index_;                                                                     \
	})

/* What the kernel calls memory that is executed and belongs to no file (proc(5)); a JIT compiler
 * that maps its code twice, to write and to execute it, as .NET's, has it in a memfd. */
static bool is_anonymous(const char *file, const char *build_id)
{
	static const char *const starts[] = {"[anon", "//anon", "[heap]", "[stack", "/dev/zero"};

	for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++) {
		if (!strncmp(file, starts[i], strlen(starts[i])))
			return true;
	}
	return !*file || (!strncmp(file, "/memfd:", 7) && !*build_id);
}

/* The first mapping is the program's; several processes may have it, each at a place of its own. */
static bool is_program(const struct pprof_reading *reading, size_t place)
{
	const char *file = text_of(reading, reading->message->mapping[place]->filename);

	return !place ||
	       (*file && !strcmp(file, text_of(reading, reading->message->mapping[0]->filename)));
}

static enum frame_kind kind_of_mapping(const struct pprof_reading *reading, size_t place)
{
	const Perftools__Profiles__Mapping *mapping = reading->message->mapping[place];
	const char *file = text_of(reading, mapping->filename);

	if (!strncmp(file, "[kernel", 7) || !strncmp(file, "[guest.kernel", 13))
		return FRAME_KERNEL;
	/* Go's, where the system does not say what is mapped, has no file but is the program. */
	if (is_program(reading, place))
		return FRAME_APP;
	/* Code that has a name and no file is a JIT compiler's. */
	return is_anonymous(file, text_of(reading, mapping->build_id)) ? FRAME_JIT : FRAME_LIBRARY;
}

static int read_mapping(struct pprof_reading *reading, size_t place)
{
	const P(Mapping) *message = reading->message->mapping[place];
	struct profile_builder *builder = reading->in->builder;
	struct profile_mapping mapping = {
		.start = message->memory_start,
		.limit = message->memory_limit,
		.file_offset = message->file_offset,
		.has_functions = message->has_functions,
		.has_filenames = message->has_filenames,
		.has_line_numbers = message->has_line_numbers,
		.has_inline_frames = message->has_inline_frames,
	};
	int err = take_string(reading, message->filename, &mapping.file);

	if (!err)
		err = take_string(reading, message->build_id, &mapping.build_id);
	if (err)
		return err;
	reading->kinds[place] = kind_of_mapping(reading, place);
	reading->mappings[place] = profile_builder__mapping(builder, &mapping);
	profile_builder__mark_mapping(builder, reading->mappings[place], &mapping);
	return 0;
}

/* The profile's title: the program's name. */
static void say_title(const struct pprof_reading *reading)
{
	const char *file, *slash;

	if (!reading->message->n_mapping)
		return;
	file = text_of(reading, reading->message->mapping[0]->filename);
	slash = strrchr(file, '/');
	if (slash)
		profile_builder__title(reading->in->builder, slash + 1);
}

static int read_mappings(struct pprof_reading *reading)
{
	size_t count = reading->message->n_mapping;
	int err = 0;

	reading->mappings = calloc(count + 1, sizeof(*reading->mappings));
	reading->kinds = calloc(count + 1, sizeof(*reading->kinds));
	if (!reading->mappings || !reading->kinds)
		return -ENOMEM;
	reading->mapping_ids =
		index_ids(reading, "mapping", count, reading->message->mapping, &err);
	for (size_t i = 0; !err && i < count; i++)
		err = read_mapping(reading, i);
	if (!err)
		say_title(reading);
	return err;
}

static int read_function(struct pprof_reading *reading, size_t place)
{
	const P(Function) *message = reading->message->function[place];
	struct profile_function function = {.start_line = message->start_line};
	int err = take_string(reading, message->name, &function.name);

	if (!err)
		err = take_string(reading, message->system_name, &function.system_name);
	if (!err)
		err = take_string(reading, message->filename, &function.file);
	if (err)
		return err;
	reading->functions[place] = profile_builder__function(reading->in->builder, &function);
	return 0;
}

static int read_functions(struct pprof_reading *reading)
{
	size_t count = reading->message->n_function;
	int err = 0;

	reading->functions = calloc(count + 1, sizeof(*reading->functions));
	if (!reading->functions)
		return -ENOMEM;
	reading->function_ids =
		index_ids(reading, "function", count, reading->message->function, &err);
	for (size_t i = 0; !err && i < count; i++)
		err = read_function(reading, i);
	return err;
}

static int read_lines(struct pprof_reading *reading, const P(Location) * message)
{
	struct lines *lines = &reading->lines;

	lines->count = 0;
	for (size_t i = 0; i < message->n_line; i++) {
		uint64_t id = message->line[i]->function_id;
		uint32_t place = id_index__find(reading->function_ids, id);

		if (place == UINT32_MAX)
			return reading__refuse(reading->in,
					       "location %" PRIu64 " is in function %" PRIu64
					       ", which it has not",
					       message->id, id);
		if (array_append(&lines->items, &lines->count, &lines->capacity,
				 (struct profile_line){reading->functions[place],
						       message->line[i]->line}))
			return -ENOMEM;
	}
	return 0;
}

/* Of the innermost function. */
static const char *name_of(const struct pprof_reading *reading, const P(Location) * message)
{
	uint32_t place = id_index__find(reading->function_ids, message->line[0]->function_id);

	return text_of(reading, reading->message->function[place]->name);
}

static enum frame_kind kind_of_location(const struct pprof_reading *reading,
					const P(Location) * message, uint32_t mapping_place)
{
	enum frame_kind by_name, by_mapping = FRAME_UNKNOWN;

	if (mapping_place != UINT32_MAX)
		by_mapping = reading->kinds[mapping_place];
	if (!message->n_line)
		return by_mapping == FRAME_KERNEL ? FRAME_KERNEL : FRAME_UNKNOWN;
	by_name = reading__kind_of_name(name_of(reading, message));
	if (mapping_place == UINT32_MAX || (by_name == FRAME_UNKNOWN && by_mapping != FRAME_KERNEL))
		return by_name;
	return by_mapping;
}

static int read_location(struct pprof_reading *reading, size_t place)
{
	const P(Location) *message = reading->message->location[place];
	uint32_t mapping_place = UINT32_MAX;
	int err;

	if (message->mapping_id) {
		mapping_place = id_index__find(reading->mapping_ids, message->mapping_id);
		if (mapping_place == UINT32_MAX)
			return reading__refuse(reading->in,
					       "location %" PRIu64 " is in mapping %" PRIu64
					       ", which it has not",
					       message->id, message->mapping_id);
	}
	err = read_lines(reading, message);
	if (err)
		return err;
	reading->locations[place] = profile_builder__add_location(
		reading->in->builder,
		mapping_place == UINT32_MAX ? PROFILE_NO_MAPPING : reading->mappings[mapping_place],
		message->address, kind_of_location(reading, message, mapping_place),
		reading->lines.items, reading->lines.count);
	return 0;
}

static int read_locations(struct pprof_reading *reading)
{
	size_t count = reading->message->n_location;
	int err = 0;

	reading->locations = calloc(count + 1, sizeof(*reading->locations));
	if (!reading->locations)
		return -ENOMEM;
	reading->location_ids =
		index_ids(reading, "location", count, reading->message->location, &err);
	for (size_t i = 0; !err && i < count; i++)
		err = read_location(reading, i);
	return err;
}

static int read_stack(struct pprof_reading *reading, const P(Sample) * message, size_t number)
{
	struct indexes *stack = &reading->stack;
	uint64_t frames = 0;

	stack->count = 0;
	for (size_t i = 0; i < message->n_location_id; i++) {
		uint64_t id = message->location_id[i];
		uint32_t place = id_index__find(reading->location_ids, id);

		if (place == UINT32_MAX)
			return reading__refuse(reading->in,
					       "sample %zu has location %" PRIu64
					       ", which it has not",
					       number, id);
		frames += reading->message->location[place]->n_line ?: 1;
		if (array_append(&stack->items, &stack->count, &stack->capacity,
				 reading->locations[place]))
			return -ENOMEM;
	}
	return reading__count_frames(reading->in, frames);
}

static int read_labels(struct pprof_reading *reading, const P(Sample) * message)
{
	struct labels *labels = &reading->labels;

	labels->count = 0;
	for (size_t i = 0; i < message->n_label; i++) {
		const P(Label) *from = message->label[i];
		struct profile_label label = {.number = from->num};
		int err = take_string(reading, from->key, &label.key);

		if (!err)
			err = take_string(reading, from->str, &label.text);
		if (!err)
			err = take_string(reading, from->num_unit, &label.unit);
		if (!err)
			err = array_append(&labels->items, &labels->count, &labels->capacity,
					   label);
		if (err)
			return err;
	}
	return 0;
}

static int read_samples(struct pprof_reading *reading)
{
	const P(Profile) *message = reading->message;

	for (size_t i = 0; i < message->n_sample; i++) {
		const P(Sample) *sample = message->sample[i];
		int err;

		if (sample->n_value != message->n_sample_type)
			return reading__refuse(reading->in,
					       "sample %zu has %zu values, and there are %zu types",
					       i + 1, sample->n_value, message->n_sample_type);
		err = read_stack(reading, sample, i + 1);
		if (!err)
			err = read_labels(reading, sample);
		if (err)
			return err;
		profile_builder__sample(reading->in->builder, reading->stack.items,
					reading->stack.count, sample->value, reading->labels.items,
					reading->labels.count);
	}
	return 0;
}

static int read_message(struct pprof_reading *reading)
{
	static int (*const steps[])(struct pprof_reading *) = {
		read_strings,  read_types,     read_head,      read_pruning,
		read_mappings, read_functions, read_locations, read_samples,
	};
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(steps) / sizeof(*steps); i++)
		err = steps[i](reading);
	return err;
}

int read_pprof(struct reading *in)
{
	struct pprof_reading reading = {.in = in};
	int err = 0;
	P(Profile) *message = unpack(in, &err);

	if (!message)
		return err;
	reading.message = message;
	err = read_message(&reading);
	id_index__free(reading.mapping_ids);
	id_index__free(reading.function_ids);
	id_index__free(reading.location_ids);
	free(reading.strings);
	free(reading.mappings);
	free(reading.kinds);
	free(reading.functions);
	free(reading.locations);
	free(reading.lines.items);
	free(reading.stack.items);
	free(reading.labels.items);
	release_message(message);
	return err;
}
