// SPDX-License-Identifier: Apache-2.0
#include "collect/samples.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/intern.h"

struct samples *samples__new(enum samples_source source)
{
	struct samples *samples = calloc(1, sizeof(*samples));

	if (samples)
		samples->source = source;
	return samples;
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

/* What makes rows of a heap the same. Indexes differ from collection to collection, so a stack goes
 * by its hash, and a process by its era. */
struct row_key {
	uint64_t hash, size;
	uint32_t era, spell;
};

static struct row_key key_of(const struct samples *samples, const struct sample_row *row)
{
	return (struct row_key){
		.hash = samples->stacks[row->stack].hash,
		.size = row->size,
		.era = samples->processes[row->process].era,
		.spell = row->spell,
	};
}

/* Drops the rows in which nothing happened. */
static void drop_empty_rows(struct samples *samples)
{
	size_t kept = 0;

	for (size_t i = 0; i < samples->row_count; i++) {
		const struct sample_row *row = &samples->rows[i];

		if (row->samples || row->frees)
			samples->rows[kept++] = *row;
	}
	samples->row_count = kept;
}

int samples__subtract(struct samples *later, const struct samples *earlier)
{
	struct intern *ids = intern__new();
	int err = 0;

	if (!ids)
		return -ENOMEM;
	for (size_t i = 0; i < earlier->row_count; i++) {
		struct row_key key = key_of(earlier, &earlier->rows[i]);

		if (intern__id(ids, &key, sizeof(key), NULL) == INTERN_FAILED) {
			err = -ENOMEM;
			goto out;
		}
	}
	for (size_t i = 0; i < later->row_count; i++) {
		struct sample_row *row = &later->rows[i];
		struct row_key key = key_of(later, row);
		uint32_t id = intern__find(ids, &key, sizeof(key));

		if (id == INTERN_FAILED)
			continue;
		row->samples -= earlier->rows[id].samples;
		/* That its time ended in between is nothing that the program did. */
		if (row->is_closed && !earlier->rows[id].is_closed)
			row->frees = row->samples;
		else
			row->frees -= earlier->rows[id].frees;
	}
	drop_empty_rows(later);
	for (int i = 0; i < WIRE_COUNTERS && later->since_era == earlier->since_era; i++)
		later->counters[i] -= earlier->counters[i];
	later->duration_ns = later->time_ns - earlier->time_ns;
out:
	intern__free(ids);
	return err;
}
