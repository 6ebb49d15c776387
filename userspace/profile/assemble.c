// SPDX-License-Identifier: Apache-2.0
#include "profile/assemble.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "profile/builder.h"
#include "profile/scale.h"
#include "profile/wait_reason.h"

/* Why a stack is not whole; NULL for those that are. */
static const char *const end_names[WIRE_ENDS] = {
	[WIRE_END_NO_MAPPING] = "no mapping",
	[WIRE_END_NO_ROW] = "no unwind row",
	[WIRE_END_UNSUPPORTED] = "unsupported unwind rule",
	[WIRE_END_READ_FAULT] = "read fault",
	[WIRE_END_BAD_FRAME] = "bad frame",
	[WIRE_END_TOO_DEEP] = "too deep",
};

#define FRAMES_MAX (WIRE_KERNEL_DEPTH + WIRE_USER_DEPTH + 1)

/* Functions inlined into each other at one address: real ones have some tens. */
#define LINES_MAX  256

struct assembly {
	const struct samples *samples;
	const struct profile_kind *kind;
	const struct profile_subject *subject;
	struct symbolizer *symbolizer;
	struct profile_builder *builder;
	uint32_t kernel_mapping;
	int64_t end_samples[WIRE_ENDS]; /* by how their stacks ended */
	int64_t lost_stacks;            /* samples whose stack was lost */
	uint32_t lost_note;
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static uint32_t add_mapping(struct assembly *assembly, const struct mapping *mapping)
{
	struct profile_builder *builder = assembly->builder;
	const char *build_id = mapping->file ? elf_file__build_id(mapping->file) : "";

	return profile_builder__mapping(
		builder, &(struct profile_mapping){
				 .start = mapping->start,
				 .limit = mapping->end,
				 .file_offset = mapping->file_offset,
				 .file = profile_builder__string(builder, mapping->name),
				 .build_id = profile_builder__string(builder, build_id),
			 });
}

/* The upper half of the address space (x86_64/mm.rst). */
#define KERNEL_START 0xffff800000000000

static uint32_t kernel_mapping(struct assembly *assembly)
{
	struct profile_builder *builder = assembly->builder;

	if (assembly->kernel_mapping == UINT32_MAX)
		assembly->kernel_mapping = profile_builder__mapping(
			builder, &(struct profile_mapping){
					 .start = KERNEL_START,
					 .limit = UINT64_MAX,
					 .file = profile_builder__string(builder, "[kernel]"),
				 });
	return assembly->kernel_mapping;
}

static struct profile_line add_line(struct assembly *assembly, const struct symbol_line *line)
{
	struct profile_builder *builder = assembly->builder;
	struct profile_function function = {
		.name = profile_builder__string(builder, line->name),
		.system_name = profile_builder__string(builder, line->system_name),
		.file = profile_builder__string(builder, line->file ? line->file : ""),
		.start_line = line->start_line,
	};

	return (struct profile_line){
		.function = profile_builder__function(builder, &function),
		.line = line->line,
	};
}

/* An address that a symbol covers. */
static uint32_t add_named(struct assembly *assembly, uint32_t mapping, uint64_t address,
			  enum frame_kind kind, const struct symbol_answer *answer)
{
	struct profile_mapping known = {
		.has_functions = true,
		.has_inline_frames = answer->tells_inlined,
	};
	struct profile_line lines[LINES_MAX];
	uint32_t count = 0, location;

	for (; count < answer->count && count < LINES_MAX; count++) {
		lines[count] = add_line(assembly, &answer->lines[count]);
		known.has_filenames |= answer->lines[count].file != NULL;
		known.has_line_numbers |= answer->lines[count].line != 0;
	}
	if (mapping != PROFILE_NO_MAPPING)
		profile_builder__mark_mapping(assembly->builder, mapping, &known);
	location =
		profile_builder__location(assembly->builder, mapping, address, kind, lines, count);
	profile_builder__offset(assembly->builder, location, answer->offset);
	return location;
}

/* One that none covers. */
static uint32_t add_unnamed(struct assembly *assembly, uint32_t mapping, uint64_t address,
			    enum frame_kind kind, const char *module, uint64_t offset)
{
	char name[512];
	struct profile_line line;

	snprintf(name, sizeof(name), "[%s+0x%" PRIx64 "]", module, offset);
	line = add_line(assembly, &(struct symbol_line){.name = name, .system_name = name});
	return profile_builder__location(assembly->builder, mapping, address, kind, &line, 1);
}

static uint32_t kernel_location(struct assembly *assembly, uint64_t address)
{
	uint32_t mapping = kernel_mapping(assembly);
	struct symbol_answer answer;

	symbolizer__kernel(assembly->symbolizer, address, &answer);
	if (answer.count)
		return add_named(assembly, mapping, address, FRAME_KERNEL, &answer);
	return add_unnamed(assembly, mapping, address, FRAME_KERNEL, "kernel", address);
}

/* Whether it is by a JIT compiler's list. */
static bool name_user(struct symbolizer *symbolizer, const struct maps *maps,
		      const struct mapping *mapping, uint64_t address, struct symbol_answer *answer)
{
	uint64_t bias;

	if (maps->jit && !mapping__bias(mapping, &bias)) {
		symbolizer__jit(symbolizer, maps->jit, address, answer);
		if (answer->count)
			return true;
	}
	symbolizer__user(symbolizer, mapping, address, answer);
	return false;
}

/* "[libc.so.6+0x12ab]": by an address as the file's own headers count, which addr2line takes. */
static uint32_t user_location(struct assembly *assembly, const struct maps *maps,
			      const struct mapping *mapping, uint64_t address)
{
	enum frame_kind kind = mapping->is_main ? FRAME_APP : FRAME_LIBRARY;
	uint32_t id = add_mapping(assembly, mapping);
	struct symbol_answer answer;

	if (name_user(assembly->symbolizer, maps, mapping, address, &answer))
		kind = FRAME_JIT;
	if (answer.count)
		return add_named(assembly, id, address, kind, &answer);
	return add_unnamed(assembly, id, address, FRAME_UNKNOWN, base_name(mapping->name),
			   answer.function_vaddr);
}

/* The page for vsyscalls, alone of all that user space executes, lies in the kernel's half
 * (Documentation/arch/x86/x86_64/mm.rst), where addresses have the mark's bit anyway. Nothing in it
 * calls, so that its frames are interrupted ones. */
#define VSYSCALL_PAGE 0xffffffffff600000

/* The address to look a user frame up by. A return address is the instruction after the call: one
 * byte less, or a call at the end of a function names the next one. */
static uint64_t lookup_address(uint64_t frame)
{
	if ((frame & ~0xfffULL) == VSYSCALL_PAGE)
		return frame;
	return frame & WIRE_FRAME_EXACT ? frame & ~WIRE_FRAME_EXACT : frame - 1;
}

/* False of what is exoprof's own in the target: nobody has written it, nor can mend it. */
static bool frame_location(struct assembly *assembly, const struct maps *maps, uint64_t frame,
			   uint32_t *location)
{
	uint64_t address = lookup_address(frame);
	const struct mapping *mapping = maps ? maps__find(maps, address) : NULL;

	if (mapping && mapping__is_stub(mapping))
		return false;
	*location = mapping ? user_location(assembly, maps, mapping, address)
			    : add_unnamed(assembly, PROFILE_NO_MAPPING, address, FRAME_UNKNOWN,
					  "unknown", address);
	return true;
}

int profile__name(struct symbolizer *symbolizer, const struct maps *maps, uint64_t address,
		  struct symbol_answer *answer)
{
	const struct mapping *mapping = maps ? maps__find(maps, address) : NULL;

	*answer = (struct symbol_answer){};
	if (mapping)
		name_user(symbolizer, maps, mapping, address, answer);
	else if (address >= KERNEL_START)
		symbolizer__kernel(symbolizer, address, answer);
	return answer->count ? 0 : -ENOENT;
}

void profile__expect(struct symbolizer *symbolizer, const struct maps *maps, uint64_t address)
{
	const struct mapping *mapping = maps ? maps__find(maps, address) : NULL;
	uint64_t bias;

	if (!mapping)
		return;
	if (maps->jit && !mapping__bias(mapping, &bias))
		symbolizer__expect_jit(symbolizer, maps->jit, address);
	symbolizer__expect_user(symbolizer, mapping, address);
}

/* What is new is looked up at once: each question on its own would take two switches between
 * processes. */
static void look_up_all(struct assembly *assembly)
{
	const struct samples *samples = assembly->samples;

	for (size_t i = 0; i < samples->row_count; i++) {
		const struct sample_stack *stack = &samples->stacks[samples->rows[i].stack];
		const struct maps *maps = samples->processes[samples->rows[i].process].maps;

		for (uint32_t frame = 0; stack->frames && frame < stack->user_depth; frame++)
			profile__expect(assembly->symbolizer, maps,
					lookup_address(stack->frames[stack->kernel_depth + frame]));
	}
	symbolizer__look_up(assembly->symbolizer);
}

static uint32_t cut_note(struct assembly *assembly, uint32_t end)
{
	char name[64];

	snprintf(name, sizeof(name), "[truncated: %s]", end_names[end]);
	return profile_builder__note(assembly->builder, name);
}

/* Gives the depth. `weight`: for how many samples the row stands. */
static uint32_t locate(struct assembly *assembly, const struct sample_row *row, int64_t weight,
		       uint32_t locations[FRAMES_MAX])
{
	const struct sample_stack *stack = &assembly->samples->stacks[row->stack];
	const struct maps *maps = assembly->samples->processes[row->process].maps;
	uint32_t depth = 0;

	if (!stack->frames) {
		assembly->lost_stacks += weight;
		locations[0] = assembly->lost_note;
		return 1;
	}
	for (uint32_t i = 0; i < stack->kernel_depth; i++)
		locations[depth++] = kernel_location(assembly, stack->frames[i]);
	for (uint32_t i = 0; i < stack->user_depth; i++)
		depth += frame_location(assembly, maps, stack->frames[stack->kernel_depth + i],
					&locations[depth]);
	assembly->end_samples[stack->end] += weight;
	if (end_names[stack->end])
		locations[depth++] = cut_note(assembly, stack->end);
	/* A thread that has ended and is still there has none, but readers want a frame. */
	if (!depth)
		locations[depth++] = profile_builder__note(assembly->builder, "[no stack]");
	return depth;
}

static int64_t cpu_period_ns(const struct samples *samples)
{
	return 1000000000 / samples->frequency;
}

#define LABELS_MAX 8

struct labels {
	struct profile_label items[LABELS_MAX];
	uint32_t count;
};

/* What is empty or 0 is no label. */
static void add_text_label(struct assembly *assembly, struct labels *labels, const char *key,
			   const char *text)
{
	struct profile_builder *builder = assembly->builder;

	if (*text)
		labels->items[labels->count++] = (struct profile_label){
			.key = profile_builder__string(builder, key),
			.text = profile_builder__string(builder, text),
		};
}

/* How many frames there are between a wait and the function that has a name for it: in glibc three.
 */
#define REASON_FRAMES 8

/* What a futex is for its callers know; NULL: they have no name for it. */
static const char *futex_reason(struct assembly *assembly, const struct sample_row *row)
{
	const struct sample_stack *stack = &assembly->samples->stacks[row->stack];
	const struct maps *maps = assembly->samples->processes[row->process].maps;
	const char *reason = NULL;
	struct symbol_answer answer;

	for (uint32_t i = 0; i < stack->user_depth && i < REASON_FRAMES && !reason; i++) {
		uint64_t address = lookup_address(stack->frames[stack->kernel_depth + i]);

		if (profile__name(assembly->symbolizer, maps, address, &answer))
			continue;
		for (size_t line = 0; line < answer.count && !reason; line++)
			reason = wait_reason__of_function(answer.lines[line].name);
	}
	return reason;
}

static const char *reason_of(struct assembly *assembly, const struct sample_row *row)
{
	const char *reason = wait_reason__of_call(&row->wait);
	bool is_lock = !strcmp(reason, "lock");
	const char *by_name;

	if (!is_lock && strcmp(reason, "futex"))
		return reason;
	by_name = futex_reason(assembly, row);
	/* glibc's barriers wait as its mutexes do, and the number of a round can be the value that
	 * a mutex has (nptl/pthread_barrier_wait.c). */
	if (!by_name || (is_lock && strcmp(by_name, "barrier")))
		return reason;
	return by_name;
}

/* The first function of the kernel's that is not the scheduler's: as /proc/PID/wchan has it. */
static void add_wchan(struct assembly *assembly, struct labels *labels,
		      const struct sample_row *row)
{
	const struct sample_stack *stack = &assembly->samples->stacks[row->stack];
	struct symbol_answer answer;

	for (uint32_t i = 0; i < stack->kernel_depth; i++) {
		symbolizer__kernel(assembly->symbolizer, stack->frames[i], &answer);
		if (!answer.count || strstr(answer.lines[0].name, "schedule"))
			continue;
		add_text_label(assembly, labels, "wchan", answer.lines[0].name);
		return;
	}
}

static void add_wait_labels(struct assembly *assembly, struct labels *labels,
			    const struct sample_row *row)
{
	enum samples_source source = assembly->samples->source;
	struct profile_builder *builder = assembly->builder;

	if (source != SAMPLES_WAITS && source != SAMPLES_WALL && source != SAMPLES_THREADS)
		return;
	if (source == SAMPLES_THREADS)
		add_text_label(assembly, labels, "state",
			       wait_reason__state(&row->wait, row->is_running));
	if (source == SAMPLES_WALL)
		add_text_label(assembly, labels, "state", row->is_running ? "on-cpu" : "off-cpu");
	if (row->is_running)
		return;
	add_text_label(assembly, labels, "reason", reason_of(assembly, row));
	if (source != SAMPLES_THREADS || !row->tid)
		return;
	add_wchan(assembly, labels, row);
	if (row->ns > 0)
		labels->items[labels->count++] = (struct profile_label){
			.key = profile_builder__string(builder, "waiting"),
			.number = row->ns,
			.unit = profile_builder__string(builder, "nanoseconds"),
		};
}

static void add_labels(struct assembly *assembly, struct labels *labels,
		       const struct sample_row *row)
{
	string_id bytes = profile_builder__string(assembly->builder, "bytes");
	char pid[16], number[16];

	if (row->size)
		labels->items[labels->count++] =
			(struct profile_label){.key = bytes, .number = row->size, .unit = bytes};
	add_text_label(assembly, labels, "thread", row->thread);
	if (row->tid) {
		snprintf(number, sizeof(number), "%u", row->tid);
		add_text_label(assembly, labels, "tid", number);
	}
	add_wait_labels(assembly, labels, row);
	snprintf(pid, sizeof(pid), "%d", assembly->samples->processes[row->process].pid);
	if (assembly->subject->many)
		add_text_label(assembly, labels, "pid", pid);
}

/* Some that stand for a part of one are one. */
static int64_t waits_of(const struct sample_row *row)
{
	int64_t waits = (row->samples + WIRE_WAIT_ONE / 2) / WIRE_WAIT_ONE;

	return waits || !row->ns ? waits : 1;
}

static void fill_values(const struct samples *samples, const struct sample_row *row,
			int64_t values[PROFILE_VALUES_MAX])
{
	int64_t inuse = row->samples - row->frees;

	switch (samples->source) {
	case SAMPLES_CPU:
		values[0] = row->samples;
		values[1] = row->samples * cpu_period_ns(samples);
		break;
	case SAMPLES_HEAP:
		values[0] = scale__count(row->samples, row->size, samples->heap_rate);
		values[1] = scale__bytes(row->samples, row->size, samples->heap_rate);
		values[2] = scale__count(inuse, row->size, samples->heap_rate);
		values[3] = scale__bytes(inuse, row->size, samples->heap_rate);
		break;
	case SAMPLES_WAITS:
		values[0] = waits_of(row);
		values[1] = row->ns;
		break;
	case SAMPLES_WALL:
		values[0] = (row->ns + cpu_period_ns(samples) / 2) / cpu_period_ns(samples);
		values[1] = row->ns;
		break;
	case SAMPLES_THREADS:
	case SAMPLES_CLONES:
		values[0] = row->samples;
		break;
	}
}

/* Those of a mutex profile are a part of the waits. */
static bool is_shown(struct assembly *assembly, const struct sample_row *row)
{
	return assembly->kind != &profile_kind_mutex || !strcmp(reason_of(assembly, row), "lock");
}

static void add_row(struct assembly *assembly, const struct sample_row *row)
{
	const struct samples *samples = assembly->samples;
	struct labels labels = {};
	int64_t values[PROFILE_VALUES_MAX];
	uint32_t locations[FRAMES_MAX];
	uint32_t depth;

	if (!is_shown(assembly, row))
		return;
	fill_values(samples, row, values);
	depth = locate(assembly, row, samples->source == SAMPLES_HEAP ? row->samples : values[0],
		       locations);
	add_labels(assembly, &labels, row);
	profile_builder__sample(assembly->builder, locations, depth, values, labels.items,
				labels.count);
}

static void add_type(struct assembly *assembly, const char *type, const char *unit)
{
	profile_builder__type(assembly->builder, type, unit,
			      !strcmp(type, assembly->kind->shown_type));
}

static void add_types(struct assembly *assembly)
{
	const struct samples *samples = assembly->samples;
	struct profile_builder *builder = assembly->builder;

	switch (samples->source) {
	case SAMPLES_CPU:
	case SAMPLES_WALL:
		add_type(assembly, "samples", "count");
		add_type(assembly, assembly->kind->shown_type, "nanoseconds");
		profile_builder__period(builder, assembly->kind->shown_type, "nanoseconds",
					cpu_period_ns(samples));
		break;
	case SAMPLES_HEAP:
		add_type(assembly, "alloc_objects", "count");
		add_type(assembly, "alloc_space", "bytes");
		add_type(assembly, "inuse_objects", "count");
		add_type(assembly, "inuse_space", "bytes");
		profile_builder__period(builder, "space", "bytes", samples->heap_rate);
		break;
	case SAMPLES_WAITS:
		add_type(assembly, "contentions", "count");
		add_type(assembly, "delay", "nanoseconds");
		profile_builder__period(builder, "contentions", "count", 1);
		break;
	case SAMPLES_THREADS:
	case SAMPLES_CLONES:
		add_type(assembly, assembly->kind->shown_type, "count");
		profile_builder__period(builder, assembly->kind->shown_type, "count", 1);
		break;
	}
	if (assembly->kind->default_type)
		profile_builder__default_type(builder, assembly->kind->default_type);
}

static uint64_t frame_pointers_of(const struct samples *samples)
{
	const uint64_t *counters = samples->counters;

	switch (samples->source) {
	case SAMPLES_CPU:
		return counters[WIRE_CPU_FRAME_POINTERS];
	case SAMPLES_HEAP:
		return counters[WIRE_ALLOC_FRAME_POINTERS];
	case SAMPLES_WAITS:
		return counters[WIRE_WAIT_FRAME_POINTERS];
	case SAMPLES_WALL:
		return counters[WIRE_CPU_FRAME_POINTERS] + counters[WIRE_WAIT_FRAME_POINTERS];
	default:
		return 0;
	}
}

static int64_t count_lost(const struct samples *samples)
{
	const uint64_t *counters = samples->counters;

	switch (samples->source) {
	case SAMPLES_CPU:
		return counters[WIRE_CPU_LOST];
	case SAMPLES_WAITS:
		return counters[WIRE_WAIT_LOST] + counters[WIRE_WAIT_LOST_START] +
		       counters[WIRE_WAIT_LOST_END];
	case SAMPLES_WALL:
		return counters[WIRE_CPU_LOST] + counters[WIRE_WAIT_LOST] +
		       counters[WIRE_WAIT_LOST_START] + counters[WIRE_WAIT_LOST_END];
	case SAMPLES_THREADS:
		return samples->threads_missed;
	case SAMPLES_CLONES:
		return counters[WIRE_CLONE_LOST];
	case SAMPLES_HEAP:
		break;
	}
	return counters[WIRE_ALLOC_LOST_PENDING] + counters[WIRE_ALLOC_LOST_STATS] +
	       counters[WIRE_ALLOC_LOST_LIVE] + counters[WIRE_ALLOC_LOST_RETURN];
}

static void comment_stacks(struct assembly *assembly)
{
	struct profile_builder *builder = assembly->builder;
	uint64_t frame_pointers = frame_pointers_of(assembly->samples);
	int64_t whole = 0, cut = 0;

	for (int end = 0; end < WIRE_ENDS; end++)
		*(end_names[end] ? &cut : &whole) += assembly->end_samples[end];
	profile_builder__comment(builder,
				 PROFILE_STACKS_COMMENT "%" PRId64 " whole, %" PRId64
							" truncated, %" PRId64 " lost",
				 whole, cut, assembly->lost_stacks);
	profile_builder__outcome(builder, &(struct profile_outcome){
						  .whole = whole,
						  .truncated = cut,
						  .lost_stacks = assembly->lost_stacks,
						  .lost = count_lost(assembly->samples),
					  });
	for (int end = 0; end < WIRE_ENDS; end++) {
		if (end_names[end] && assembly->end_samples[end])
			profile_builder__comment(builder, "truncated, %s: %" PRId64, end_names[end],
						 assembly->end_samples[end]);
	}
	if (frame_pointers)
		profile_builder__comment(builder,
					 "frames passed by frame pointer, for want of unwind rows: "
					 "%" PRIu64,
					 frame_pointers);
	if (assembly->samples->rowless_files)
		profile_builder__comment(builder,
					 "%" PRIu64 " files have not all unwind rows, for want of "
					 "room: stacks with them may be truncated",
					 assembly->samples->rowless_files);
}

static void comment_cpu(struct assembly *assembly)
{
	const struct samples *samples = assembly->samples;

	profile_builder__comment(
		assembly->builder, "cpu: %s at %u Hz on each CPU, %" PRIu64 " samples lost",
		samples->how, samples->frequency, samples->counters[WIRE_CPU_LOST]);
}

static void comment_heap(struct assembly *assembly)
{
	struct profile_builder *builder = assembly->builder;
	const struct samples *samples = assembly->samples;
	const uint64_t *counters = samples->counters;

	if (samples->heap_rate > 1)
		profile_builder__comment(builder,
					 "heap: one sample in %" PRIu64
					 " bytes on average; values are scaled to the whole",
					 samples->heap_rate);
	else
		profile_builder__comment(builder, "heap: every allocation");
	profile_builder__comment(builder,
				 "heap: %" PRIu64 " allocations sampled, %" PRIu64
				 " passed over; lost: %" PRIu64 " (calls in progress) + %" PRIu64
				 " (call sites) + %" PRIu64
				 " (live blocks; counted as freed) + %" PRIu64 " (returns)",
				 counters[WIRE_ALLOC_COUNTED] + counters[WIRE_ALLOC_STACK_BUSY] +
					 counters[WIRE_ALLOC_STACK_FULL],
				 counters[WIRE_ALLOC_UNSAMPLED], counters[WIRE_ALLOC_LOST_PENDING],
				 counters[WIRE_ALLOC_LOST_STATS], counters[WIRE_ALLOC_LOST_LIVE],
				 counters[WIRE_ALLOC_LOST_RETURN]);
}

/* See may_throw() in bpf/heap.bpf.c. */
static void comment_too_large(struct assembly *assembly)
{
	const uint64_t *counters = assembly->samples->counters;

	if (counters[WIRE_ALLOC_TOO_LARGE])
		profile_builder__comment(assembly->builder,
					 "heap: not in it: %" PRIu64 " calls of operator new for "
					 "%" PRIu64 " bytes in all, too large to be sure of",
					 counters[WIRE_ALLOC_TOO_LARGE],
					 counters[WIRE_ALLOC_TOO_LARGE_BYTES]);
}

static void comment_waits(struct assembly *assembly)
{
	const struct samples *samples = assembly->samples;
	const uint64_t *counters = samples->counters;
	uint64_t counted = counters[WIRE_WAIT_COUNTED] + counters[WIRE_WAIT_STACK_BUSY] +
			   counters[WIRE_WAIT_STACK_FULL];

	profile_builder__comment(assembly->builder,
				 "off cpu: %" PRIu64
				 " waits sampled, their stacks walked %s; of those "
				 "below %.9g s one in so many that a sample stands for that time",
				 counted, samples->walk, samples->wait_rate_ns / 1e9);
	profile_builder__comment(
		assembly->builder,
		"off cpu: not in it: %" PRIu64 " waits below %.9g s, %.9g s in all; lost: %" PRIu64
		" (call sites), %.9g s, + %" PRIu64 " (beginnings) + %" PRIu64 " (ends)",
		counters[WIRE_WAIT_SHORT], samples->wait_min_ns / 1e9,
		counters[WIRE_WAIT_SHORT_NS] / 1e9, counters[WIRE_WAIT_LOST],
		counters[WIRE_WAIT_LOST_NS] / 1e9, counters[WIRE_WAIT_LOST_START],
		counters[WIRE_WAIT_LOST_END]);
}

static void comment_threads(struct assembly *assembly)
{
	const struct samples *samples = assembly->samples;
	int64_t threads = 0;

	for (size_t i = 0; i < samples->row_count; i++)
		threads += samples->rows[i].samples;
	profile_builder__comment(assembly->builder,
				 "threads: %" PRId64 "; none was stopped to look at it; %" PRIu64
				 " did not hold still long enough",
				 threads, samples->threads_missed);
}

static void comment_clones(struct assembly *assembly)
{
	const uint64_t *counters = assembly->samples->counters;

	profile_builder__comment(assembly->builder,
				 "threads created since the attach, %" PRIu64 " of them lost",
				 counters[WIRE_CLONE_LOST]);
}

static void add_note_sample(struct assembly *assembly, uint32_t note, const int64_t *values)
{
	profile_builder__sample(assembly->builder, &note, 1, values, NULL, 0);
}

/* Samples that found no room in the count map have no stack, but they were time. */
static void add_lost_ticks(struct assembly *assembly)
{
	const struct samples *samples = assembly->samples;
	int64_t lost = samples->counters[WIRE_CPU_LOST];
	int64_t values[PROFILE_VALUES_MAX] = {lost, lost * cpu_period_ns(samples)};

	if (lost > 0)
		add_note_sample(assembly, assembly->lost_note, values);
}

/* As were waits. Of which kind they were nobody knows. */
static void add_lost_waits(struct assembly *assembly)
{
	const struct samples *samples = assembly->samples;
	const uint64_t *counters = samples->counters;
	bool is_wall = samples->source == SAMPLES_WALL;
	int64_t period_ns = is_wall ? cpu_period_ns(samples) : 1;
	int64_t lost_ns = counters[WIRE_WAIT_LOST_NS], short_ns = counters[WIRE_WAIT_SHORT_NS];
	int64_t lost[PROFILE_VALUES_MAX] = {
		is_wall ? lost_ns / period_ns : (int64_t)counters[WIRE_WAIT_LOST], lost_ns};
	int64_t too_short[PROFILE_VALUES_MAX] = {
		is_wall ? short_ns / period_ns : (int64_t)counters[WIRE_WAIT_SHORT], short_ns};

	if (lost_ns > 0)
		add_note_sample(assembly, assembly->lost_note, lost);
	if (short_ns > 0)
		add_note_sample(assembly, profile_builder__note(assembly->builder, "[short waits]"),
				too_short);
}

/* Nobody knows how many objects that were. */
static void add_preattach(struct assembly *assembly)
{
	int64_t bytes = assembly->samples->preattach_bytes;
	int64_t values[PROFILE_VALUES_MAX] = {0, bytes, 0, bytes};

	add_note_sample(assembly,
			profile_builder__note(assembly->builder, "[allocated before attach]"),
			values);
}

static void add_threads_before(struct assembly *assembly)
{
	int64_t values[PROFILE_VALUES_MAX] = {assembly->samples->threads_before};

	if (values[0])
		add_note_sample(assembly,
				profile_builder__note(assembly->builder, "[created before attach]"),
				values);
}

/* What has no stack, but is part of the whole. */
static void add_stackless(struct assembly *assembly)
{
	const struct samples *samples = assembly->samples;

	/* Of which thread it was nobody knows. */
	if (*samples->thread)
		return;
	if (samples->source == SAMPLES_CPU || samples->source == SAMPLES_WALL)
		add_lost_ticks(assembly);
	if (assembly->kind == &profile_kind_block || samples->source == SAMPLES_WALL)
		add_lost_waits(assembly);
	if (samples->source == SAMPLES_CLONES)
		add_threads_before(assembly);
	if (samples->show_preattach)
		add_preattach(assembly);
}

static void comment_unfollowed(struct assembly *assembly)
{
	uint64_t lost = assembly->samples->counters[WIRE_ERA_LOST];

	if (lost)
		profile_builder__comment(assembly->builder,
					 "%" PRIu64 " forks or execs were not followed, for want "
					 "of room",
					 lost);
}

static void comment_source(struct assembly *assembly)
{
	switch (assembly->samples->source) {
	case SAMPLES_CPU:
		comment_cpu(assembly);
		break;
	case SAMPLES_HEAP:
		comment_heap(assembly);
		comment_too_large(assembly);
		break;
	case SAMPLES_WAITS:
		comment_waits(assembly);
		break;
	case SAMPLES_WALL:
		comment_cpu(assembly);
		comment_waits(assembly);
		break;
	case SAMPLES_THREADS:
		comment_threads(assembly);
		break;
	case SAMPLES_CLONES:
		comment_clones(assembly);
		break;
	}
}

/* Of hostile files, as a rule. */
static void comment_unnamed(struct assembly *assembly)
{
	size_t lost = symbolizer__lost(assembly->symbolizer);

	if (lost)
		profile_builder__comment(assembly->builder,
					 "%zu addresses have no name because reading their file "
					 "failed",
					 lost);
}

static void add_comments(struct assembly *assembly, const char *title)
{
	profile_builder__comment(assembly->builder, "exoprof " EXOPROF_VERSION ": %s", title);
	if (assembly->subject->command)
		profile_builder__comment(assembly->builder, PROFILE_COMMAND_COMMENT "%s",
					 assembly->subject->command);
	comment_source(assembly);
	comment_stacks(assembly);
	comment_unfollowed(assembly);
	comment_unnamed(assembly);
	if (*assembly->samples->thread)
		profile_builder__comment(assembly->builder,
					 "only threads of the name %s; what was lost, of all",
					 assembly->samples->thread);
	for (size_t i = 0; i < assembly->samples->note_count; i++)
		profile_builder__comment(assembly->builder, "%s", assembly->samples->notes[i]);
	if (assembly->samples->target_gone)
		profile_builder__comment(
			assembly->builder,
			"the target exited; this is what was collected until then");
}

/* A reader takes mapping 0 for the main binary. */
static void add_main_mappings(struct assembly *assembly)
{
	const struct samples *samples = assembly->samples;
	const struct maps *maps = NULL;

	/* As it is now: the last that it has executed. */
	for (size_t i = 0; i < samples->process_count; i++) {
		if (samples->processes[i].pid == assembly->subject->pid)
			maps = samples->processes[i].maps;
	}
	for (size_t i = 0; maps && i < maps->count; i++) {
		if (maps->items[i].is_main)
			add_mapping(assembly, &maps->items[i]);
	}
}

/* One that has executed something is there more than once. */
static bool is_first_of_pid(const struct samples *samples, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		if (samples->processes[i].pid == samples->processes[index].pid)
			return false;
	}
	return true;
}

static void put_title(const struct assembly *assembly, char *title, size_t size)
{
	const struct profile_subject *subject = assembly->subject;
	const struct samples *samples = assembly->samples;
	size_t others = 0;

	for (size_t i = 0; i < samples->process_count; i++)
		others += samples->processes[i].pid != subject->pid && is_first_of_pid(samples, i);
	snprintf(title, size, "%s (pid %d)", subject->comm, subject->pid);
	if (others)
		snprintf(title + strlen(title), size - strlen(title), " and %zu more", others);
}

static void fill(struct assembly *assembly)
{
	const struct samples *samples = assembly->samples;
	char title[96];

	put_title(assembly, title, sizeof(title));
	profile_builder__title(assembly->builder, title);
	profile_builder__kind(assembly->builder, assembly->kind->name);
	profile_builder__times(assembly->builder, samples->time_ns, samples->duration_ns);
	add_types(assembly);
	add_main_mappings(assembly);
	assembly->lost_note = profile_builder__note(assembly->builder, "[lost]");
	for (size_t i = 0; i < samples->row_count; i++)
		add_row(assembly, &samples->rows[i]);
	add_stackless(assembly);
	add_comments(assembly, title);
}

const struct profile *profile__assemble(const struct samples *samples,
					const struct profile_kind *kind,
					const struct profile_subject *subject,
					struct symbolizer *symbolizer)
{
	struct assembly assembly = {
		.samples = samples,
		.kind = kind,
		.subject = subject,
		.symbolizer = symbolizer,
		.builder = profile_builder__new(),
		.kernel_mapping = UINT32_MAX,
	};

	if (!assembly.builder)
		return NULL;
	symbolizer__look_again(symbolizer);
	look_up_all(&assembly);
	fill(&assembly);
	return profile_builder__freeze(assembly.builder);
}
