// SPDX-License-Identifier: Apache-2.0
#include "collect/samples.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/intern.h"

struct samples *samples__new(enum samples_source source)
{
	struct samples *samples = calloc(1, sizeof(*samples));

	if (samples)
		samples->source = source;
	return samples;
}

void samples__stamp(struct samples *samples)
{
	samples->time_ns = clock__realtime_ns();
	samples->monotonic_ns = clock__monotonic_ns();
}

void samples__free(struct samples *samples)
{
	if (!samples)
		return;
	for (size_t i = 0; i < samples->stack_count; i++)
		free(samples->stacks[i].frames);
	free(samples->stacks);
	free(samples->rows);
	for (size_t i = 0; i < samples->note_count; i++)
		free(samples->notes[i]);
	free(samples->notes);
	for (size_t i = 0; i < samples->process_count; i++)
		maps__put(samples->processes[i].maps);
	free(samples->processes);
	free(samples);
}

int samples__add_process(struct samples *samples, struct sample_process process)
{
	int err = array_append(&samples->processes, &samples->process_count,
			       &samples->process_capacity, process);

	if (!err && process.maps)
		maps__get(process.maps);
	return err;
}

int samples__add_stack(struct samples *samples, struct sample_stack stack)
{
	int err = array_append(&samples->stacks, &samples->stack_count, &samples->stack_capacity,
			       stack);

	if (err)
		free(stack.frames);
	return err;
}

int samples__add_row(struct samples *samples, struct sample_row row)
{
	return array_append(&samples->rows, &samples->row_count, &samples->row_capacity, row);
}

int samples__add_note(struct samples *samples, const char *text)
{
	char *copy;
	int err = -ENOMEM;

	for (size_t i = 0; i < samples->note_count; i++) {
		if (!strcmp(samples->notes[i], text))
			return 0;
	}
	copy = strdup(text);
	if (copy)
		err = array_append(&samples->notes, &samples->note_count, &samples->note_capacity,
				   copy);
	if (err)
		free(copy);
	return err;
}

/* What makes rows the same. Indexes differ from collection to collection, so a stack goes by its
 * hash, and a process by its era. */
struct row_key {
	uint64_t hash, size;
	uint32_t era, spell, tid, is_running;
	struct wire_wait wait;
	char thread[WIRE_COMM_BYTES];
};

static struct row_key key_of(const struct samples *samples, const struct sample_row *row)
{
	struct row_key key = {
		.hash = samples->stacks[row->stack].hash,
		.size = row->size,
		.era = samples->processes[row->process].era,
		.spell = row->spell,
		.tid = row->tid,
		.is_running = row->is_running,
		.wait = row->wait,
	};

	memcpy(key.thread, row->thread, sizeof(key.thread));
	return key;
}

/* Where a collection has what: its indexes by what they stand for. */
struct places {
	struct samples *samples;
	struct intern *stacks, *processes, *rows;
};

static void places__release(struct places *places)
{
	intern__free(places->stacks);
	intern__free(places->processes);
	intern__free(places->rows);
}

/* 0 or -ENOMEM. */
static int places__init(struct places *places, struct samples *samples)
{
	*places = (struct places){
		.samples = samples,
		.stacks = intern__new(),
		.processes = intern__new(),
		.rows = intern__new(),
	};
	if (!places->stacks || !places->processes || !places->rows)
		return -ENOMEM;
	for (size_t i = 0; i < samples->stack_count; i++)
		intern__id(places->stacks, &samples->stacks[i].hash, sizeof(uint64_t), NULL);
	for (size_t i = 0; i < samples->process_count; i++)
		intern__id(places->processes, &samples->processes[i].era, sizeof(uint32_t), NULL);
	for (size_t i = 0; i < samples->row_count; i++) {
		struct row_key key = key_of(samples, &samples->rows[i]);

		intern__id(places->rows, &key, sizeof(key), NULL);
	}
	/* One that could not be noted would be there twice. */
	return intern__count(places->stacks) == samples->stack_count &&
			       intern__count(places->processes) == samples->process_count &&
			       intern__count(places->rows) == samples->row_count
		       ? 0
		       : -ENOMEM;
}

static int place_stack(struct places *places, const struct sample_stack *stack, uint32_t *index)
{
	size_t bytes = (stack->kernel_depth + stack->user_depth) * sizeof(*stack->frames);
	struct sample_stack copy = *stack;
	bool is_new;

	*index = intern__id(places->stacks, &stack->hash, sizeof(stack->hash), &is_new);
	if (*index == INTERN_FAILED)
		return -ENOMEM;
	if (!is_new)
		return 0;
	if (stack->frames) {
		copy.frames = malloc(bytes + sizeof(*copy.frames));
		if (!copy.frames)
			return -ENOMEM;
		memcpy(copy.frames, stack->frames, bytes);
	}
	return samples__add_stack(places->samples, copy);
}

static int place_process(struct places *places, const struct sample_process *process,
			 uint32_t *index)
{
	bool is_new;

	*index = intern__id(places->processes, &process->era, sizeof(process->era), &is_new);
	if (*index == INTERN_FAILED)
		return -ENOMEM;
	return is_new ? samples__add_process(places->samples, *process) : 0;
}

static int place_row(struct places *places, const struct samples *from,
		     const struct sample_row *row, int sign)
{
	struct row_key key = key_of(from, row);
	bool is_new;
	uint32_t id = intern__id(places->rows, &key, sizeof(key), &is_new);
	struct sample_row copy = *row;
	struct sample_row *at;
	int err;

	if (id == INTERN_FAILED)
		return -ENOMEM;
	if (is_new) {
		copy.samples = copy.frees = copy.ns = 0;
		err = place_stack(places, &from->stacks[row->stack], &copy.stack);
		if (!err)
			err = place_process(places, &from->processes[row->process], &copy.process);
		if (!err)
			err = samples__add_row(places->samples, copy);
		if (err)
			return err;
	}
	at = &places->samples->rows[id];
	at->samples += sign * row->samples;
	at->frees += sign * row->frees;
	at->ns += sign * row->ns;
	return 0;
}

int samples__merge(struct samples *into, const struct samples *from, int sign)
{
	struct places places;
	int err = places__init(&places, into);
	uint32_t index;

	/* Those without a row, too. */
	for (size_t i = 0; i < from->process_count && !err; i++)
		err = place_process(&places, &from->processes[i], &index);
	for (size_t i = 0; i < from->row_count && !err; i++)
		err = place_row(&places, from, &from->rows[i], sign);
	places__release(&places);
	return err;
}

struct samples *samples__copy(const struct samples *samples)
{
	struct samples *copy = samples__new(samples->source);
	int err = -ENOMEM;

	if (!copy)
		return NULL;
	*copy = *samples;
	copy->processes = NULL;
	copy->stacks = NULL;
	copy->rows = NULL;
	copy->notes = NULL;
	copy->process_count = copy->process_capacity = copy->stack_count = copy->stack_capacity =
		copy->row_count = copy->row_capacity = copy->note_count = copy->note_capacity = 0;
	err = samples__merge(copy, samples, 1);
	for (size_t i = 0; i < samples->note_count && !err; i++)
		err = samples__add_note(copy, samples->notes[i]);
	if (!err)
		return copy;
	samples__free(copy);
	errno = -err;
	return NULL;
}

void samples__keep_thread(struct samples *samples, const char *thread)
{
	size_t kept = 0;

	for (size_t i = 0; i < samples->row_count; i++) {
		if (!strcmp(samples->rows[i].thread, thread))
			samples->rows[kept++] = samples->rows[i];
	}
	samples->row_count = kept;
	snprintf(samples->thread, sizeof(samples->thread), "%s", thread);
}

/* Drops the rows in which nothing happened. */
static void drop_empty_rows(struct samples *samples)
{
	size_t kept = 0;

	for (size_t i = 0; i < samples->row_count; i++) {
		const struct sample_row *row = &samples->rows[i];

		if (row->samples || row->frees || row->ns)
			samples->rows[kept++] = *row;
	}
	samples->row_count = kept;
}

/* What is only in the earlier one was forgotten, and says nothing of the time in between. */
static int subtract_rows(struct samples *later, const struct samples *earlier)
{
	struct intern *ids = intern__new();
	int err = ids ? 0 : -ENOMEM;

	for (size_t i = 0; i < earlier->row_count && !err; i++) {
		struct row_key key = key_of(earlier, &earlier->rows[i]);

		if (intern__id(ids, &key, sizeof(key), NULL) == INTERN_FAILED)
			err = -ENOMEM;
	}
	for (size_t i = 0; i < later->row_count && !err; i++) {
		struct sample_row *row = &later->rows[i];
		struct row_key key = key_of(later, row);
		uint32_t id = intern__find(ids, &key, sizeof(key));

		if (id == INTERN_FAILED)
			continue;
		row->samples -= earlier->rows[id].samples;
		row->ns -= earlier->rows[id].ns;
		/* That its time ended in between is nothing that the program did. */
		if (row->is_closed && !earlier->rows[id].is_closed)
			row->frees = row->samples;
		else
			row->frees -= earlier->rows[id].frees;
	}
	intern__free(ids);
	return err;
}

static void finish_subtraction(struct samples *later, const struct samples *earlier)
{
	drop_empty_rows(later);
	for (int i = 0; i < WIRE_COUNTERS && later->since_era == earlier->since_era; i++)
		later->counters[i] -= earlier->counters[i];
	later->threads_before -= earlier->threads_before;
	later->duration_ns = later->monotonic_ns - earlier->monotonic_ns;
}

int samples__subtract(struct samples *later, const struct samples *earlier)
{
	/* Threads come and go: those that are gone count less than nothing, as in Go. */
	int err = later->source == SAMPLES_THREADS ? samples__merge(later, earlier, -1)
						   : subtract_rows(later, earlier);

	if (!err)
		finish_subtraction(later, earlier);
	return err;
}

int samples__subtract_allocs(struct samples *later, const struct samples *earlier)
{
	int64_t *inuse = calloc(later->row_count + 1, sizeof(*inuse));
	int err = inuse ? 0 : -ENOMEM;

	for (size_t i = 0; i < later->row_count && !err; i++)
		inuse[i] = later->rows[i].samples - later->rows[i].frees;
	if (!err)
		err = subtract_rows(later, earlier);
	for (size_t i = 0; i < later->row_count && !err; i++)
		later->rows[i].frees = later->rows[i].samples - inuse[i];
	if (!err)
		finish_subtraction(later, earlier);
	free(inuse);
	return err;
}
